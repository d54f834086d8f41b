import pg from 'pg';
import t from 'tap';
import { isolateLocked } from './isolate-locked.ts';

const lockTimeout = () => Object.assign(new pg.DatabaseError('locked', 6, 'error'), { code: '55P03' });

type Item = { accountId: string; n: number };

function createFixture(maxWaitMs = 60_000) {
  const locked = new Set<string>();
  const batches: number[][] = [];
  const isolated = isolateLocked<Item, number>({
    run: async (items) => {
      if (items.some(({ accountId }) => locked.has(accountId))) throw lockTimeout();
      if (items.some(({ n }) => n < 0)) throw new RangeError('a faulty item');
      batches.push(items.map(({ n }) => n));
      return items.map(({ n }) => n * 10);
    },
    findLocked: async (accountIds) => new Set(accountIds.filter((id) => locked.has(id))),
    retryMs: 1,
    maxWaitMs,
  });
  return { locked, batches, isolated };
}

const items = (...pairs: [string, number][]): Item[] => pairs.map(([accountId, n]) => ({ accountId, n }));

t.test('the other accounts of a batch are answered at once, the locked one in its order', async (t) => {
  const { locked, batches, isolated } = createFixture();
  locked.add('a');
  const first = await isolated.run(items(['a', 1], ['b', 2], ['a', 3], ['c', 4]));
  t.strictSame(batches, [[2, 4]]);
  t.strictSame([first[1], first[3]], [20, 40]);
  const second = await isolated.run(items(['a', 5], ['b', 6]));
  t.equal(second[1], 60, 'later batches do not wait for the lock');
  locked.clear();
  t.strictSame(await Promise.all([...first, ...second]), [10, 20, 30, 40, 50, 60]);
  await isolated.idle();
  t.strictSame(batches.flat(), [2, 4, 6, 1, 3, 5]);
  t.strictSame(await isolated.run(items(['a', 7])), [70], 'then it is an account like others');
});

t.test('a faulty item of the account that was locked fails alone', async (t) => {
  const { locked, isolated } = createFixture();
  locked.add('a');
  const answers = await isolated.run(items(['a', 1], ['a', -1], ['a', 2]));
  locked.clear();
  const [one, faulty, two] = await Promise.allSettled(answers);
  t.match([one, two], [{ value: 10 }, { value: 20 }]);
  t.match(faulty, { reason: { message: 'a faulty item' } });
});

t.test('a call whose account stays locked fails with the error of the lock', async (t) => {
  const { locked, isolated } = createFixture(5);
  locked.add('a');
  const [answer] = await isolated.run(items(['a', 1]));
  await t.rejects(Promise.resolve(answer), { code: '55P03' });
  await isolated.idle();
});

t.test('other errors are those of the batch', async (t) => {
  const { isolated } = createFixture();
  await t.rejects(isolated.run(items(['a', -1], ['b', 1])), { message: 'a faulty item' });
});
