import t from 'tap';
import { createHashQueue } from './hash-queue.ts';

t.test('given a full queue, then work runs in turn and more is refused at once', async (t) => {
  const inTurn = createHashQueue({ running: 2, waiting: 3 });
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const work = gates.map(({ promise }, index) =>
    inTurn(async () => {
      started.push(index);
      await promise;
      if (index === 1) throw new Error('failed');
      return index;
    }).catch((error: Error) => error.message),
  );
  t.strictSame(started, [0, 1]);
  await t.rejects(
    inTurn(async () => t.fail('runs')),
    { code: 'overloaded', status: 503, headers: { 'retry-after': '2' } },
  );
  gates[1]?.resolve();
  t.equal(await work[1], 'failed', 'a failure frees its place');
  t.strictSame(started, [0, 1, 2]);
  for (const gate of gates) gate.resolve();
  t.strictSame(await Promise.all(work), [0, 'failed', 2, 3, 4]);
  t.equal(await inTurn(async () => 'later'), 'later');
});
