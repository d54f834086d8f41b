import t from 'tap';
import { createFailover } from './failover.ts';

const down = (target: string) => Promise.reject(new Error(`${target} is down`));

t.test('calls take turns', async (t) => {
  const failover = createFailover(['a', 'b', 'c']);
  const called = [];
  for (let i = 0; i < 4; i += 1) called.push(await failover(async (target) => target));
  t.strictSame(called, ['a', 'b', 'c', 'a']);
});

t.test('a failed target is passed over, and each is tried once', async (t) => {
  const failover = createFailover(['a', 'b', 'c']);
  const tried: string[] = [];
  t.equal(
    await failover((target) => {
      tried.push(target);
      return target === 'c' ? Promise.resolve('served by c') : down(target);
    }),
    'served by c',
  );
  t.strictSame(tried, ['a', 'b', 'c']);
  await t.rejects(failover(down), { message: 'a is down' }, 'the last error is thrown');
});

t.test('concurrent calls each try every target', async (t) => {
  const failover = createFailover(['down', 'up']);
  const attempt = async (target: string) => (target === 'up' ? target : down(target));
  t.strictSame(
    new Set(await Promise.all(Array.from({ length: 9 }, () => failover(attempt)))),
    new Set(['up']),
  );
});

t.test('an error that must not be retried ends the call', async (t) => {
  const failover = createFailover(['a', 'b'], () => false);
  await t.rejects(failover(down), { message: 'a is down' });
});

t.test('without targets every call fails', async (t) => {
  await t.rejects(
    createFailover<string>([])(async (target) => target),
    { message: 'There are no targets.' },
  );
});
