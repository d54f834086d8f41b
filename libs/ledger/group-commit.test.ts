import t from 'tap';
import { createGroupCommit, GroupCommitOverloadedError } from './group-commit.ts';

type Call = { items: string[]; answer: (answers: string[]) => void; fail: (error: Error) => void };

/** A group commit whose statements end when the test says so. */
function createManual(options: { maxBatch?: number; maxWaiting?: number } = {}) {
  const calls: Call[] = [];
  let onCall: (() => void) | undefined;
  const queue = createGroupCommit<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        calls.push({ items, answer: resolve, fail: reject });
        onCall?.();
      }),
    key: (item) => item.split('#')[0] as string,
    maxBatch: options.maxBatch ?? 10,
    maxWaiting: options.maxWaiting ?? 100,
    isItemsFault: (error) => (error as Error).message === 'items',
  });
  /** The statement of this number, as soon as it is sent. */
  async function call(index: number): Promise<Call> {
    while (calls[index] === undefined) await new Promise<void>((resolve) => (onCall = resolve));
    return calls[index] as Call;
  }
  return { queue, calls, call };
}

const echo = ({ items, answer }: Call) => answer(items.map((item) => `${item}!`));

t.test('callers of one turn share a statement, later ones the next', async (t) => {
  const { queue, call, calls } = createManual();
  const first = [queue.submit('a'), queue.submit('b')];
  const one = await call(0);
  const second = [queue.submit('c'), queue.submit('d')];
  t.strictSame(one.items, ['a', 'b']);
  t.equal(calls.length, 1, 'one statement at a time');
  echo(one);
  t.strictSame(await Promise.all(first), ['a!', 'b!']);
  const two = await call(1);
  t.strictSame(two.items, ['c', 'd']);
  echo(two);
  t.strictSame(await Promise.all(second), ['c!', 'd!']);
});

t.test('no batch is larger than its bound, and order is kept', async (t) => {
  const { queue, call } = createManual({ maxBatch: 2 });
  const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map((item) => queue.submit(item)));
  for (const expected of [['a', 'b'], ['c', 'd'], ['e']]) {
    const statement = await call(['a', 'c', 'e'].indexOf(expected[0] as string));
    t.strictSame(statement.items, expected);
    echo(statement);
  }
  t.strictSame(await all, ['a!', 'b!', 'c!', 'd!', 'e!']);
});

t.test('items of one key go one after the other', async (t) => {
  const { queue, call } = createManual();
  const all = Promise.all(['a#1', 'b#1', 'a#2', 'a#3', 'c#1'].map((item) => queue.submit(item)));
  for (const [index, expected] of [['a#1', 'b#1', 'c#1'], ['a#2'], ['a#3']].entries()) {
    const statement = await call(index);
    t.strictSame(statement.items, expected);
    echo(statement);
  }
  t.strictSame(await all, ['a#1!', 'b#1!', 'a#2!', 'a#3!', 'c#1!']);
});

t.test('a failure rejects the whole batch and nothing after it', async (t) => {
  const { queue, call } = createManual({ maxBatch: 2 });
  const outcomes = Promise.allSettled(['a', 'b', 'c'].map((item) => queue.submit(item)));
  (await call(0)).fail(new Error('gone'));
  echo(await call(1));
  t.match(await outcomes, [
    { status: 'rejected', reason: { message: 'gone' } },
    { status: 'rejected', reason: { message: 'gone' } },
    { status: 'fulfilled', value: 'c!' },
  ]);
});

t.test('an item that cannot be done fails alone', async (t) => {
  const { queue, call } = createManual();
  const outcomes = Promise.allSettled(['a', 'bad', 'c', 'd'].map((item) => queue.submit(item)));
  const sent: string[][] = [];
  for (let index = 0; index < 5; index += 1) {
    const statement = await call(index);
    sent.push(statement.items);
    if (statement.items.includes('bad')) statement.fail(new Error('items'));
    else echo(statement);
  }
  t.strictSame(sent, [['a', 'bad', 'c', 'd'], ['a', 'bad'], ['a'], ['bad'], ['c', 'd']]);
  t.strictSame(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
});

t.test('more than it may keep waiting is refused at once', async (t) => {
  const { queue, call } = createManual({ maxWaiting: 2 });
  const sent = queue.submit('a');
  const statement = await call(0);
  const kept = [queue.submit('b'), queue.submit('c')];
  await t.rejects(queue.submit('d'), GroupCommitOverloadedError);
  echo(statement);
  echo(await call(1));
  t.strictSame(await Promise.all([sent, ...kept]), ['a!', 'b!', 'c!']);
});

t.test('idle means that all have their answers', async (t) => {
  const { queue, call } = createManual({ maxBatch: 1 });
  await queue.idle();
  const answers: string[] = [];
  for (const item of ['a', 'b']) void queue.submit(item).then((answer) => answers.push(answer));
  const idle = queue.idle().then(() => answers.push('idle'));
  echo(await call(0));
  echo(await call(1));
  await idle;
  t.strictSame(answers, ['a!', 'b!', 'idle']);
});
