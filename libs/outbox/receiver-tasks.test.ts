import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { createTestJobs, runTaskOnce, until } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { type Channel, RECEIVER_TASK, RefusedDeliveryError, WEBHOOK_CHANNEL } from './deliveries.ts';
import { enqueueDelivery } from './enqueue-delivery.ts';
import { claimReceiver } from './receiver-store.ts';
import { receiverTasks } from './receiver-tasks.ts';
import { pauseAfter } from './retries.ts';

const channel = WEBHOOK_CHANNEL;
const logger = createLogger({ name: 'test', level: 'silent' });

async function createReceivers(t: TestScope) {
  const { pool, url } = await createTestDatabase(t);
  const { clock, newId } = createFakeRuntime();
  const database = createDatabase(pool);
  return {
    ...{ pool, url, database, clock, newId },
    /** Adds an event with a delivery to each target. */
    emitTo: (targets: readonly string[]) =>
      transaction(database, async (tx) => {
        const event = { id: newId(), type: 'trial.ending', accountId: null, payload: {} };
        await tx.insert(outboxEvents).values({ ...event, createdAt: clock.now() });
        for (const target of targets) {
          const delivery = { id: newId(), eventId: event.id, channel, target };
          await tx.insert(outboxDeliveries).values(delivery);
          await enqueueDelivery(tx, { ...delivery, accountId: null });
        }
      }),
    tasksWith: (webhook: Channel) => receiverTasks({ database, clock, channels: { webhook } }),
    waitingJobs: async () =>
      (await pool.query('SELECT key, run_at FROM graphile_worker.jobs ORDER BY run_at')).rows,
    deliveries: async () =>
      (
        await pool.query(
          'SELECT target, status, attempts, next_attempt_at FROM outbox_deliveries ORDER BY id',
        )
      ).rows,
  };
}

t.test('given a receiver that hangs, then it takes one place, and 50 others are not delayed', async (t) => {
  const { emitTo, tasksWith, url, deliveries } = await createReceivers(t);
  const others = Array.from({ length: 50 }, (_, index) => `other-${index}`);
  const hanging = Promise.withResolvers<void>();
  const requests = new Map<string, number>();
  const tasks = tasksWith(async (_, { target }) => {
    requests.set(target, (requests.get(target) ?? 0) + 1);
    if (target === 'slow') await hanging.promise;
  });
  // Two processes, each with two places.
  for (let index = 0; index < 2; index += 1) createTestJobs(t, url, tasks, { concurrency: 2 }).jobs.start();
  await emitTo(['slow']);
  await until(async () => requests.get('slow') === 1);
  for (let event = 0; event < 4; event += 1) await emitTo(['slow', ...(event === 2 ? others : [])]);
  const delivered = async () => (await deliveries()).filter(({ status }) => status === 'delivered').length;
  await until(async () => (await delivered()) === 50);
  t.equal(requests.get('slow'), 1, 'one request, for five deliveries');
  hanging.resolve();
  await until(async () => (await delivered()) === 55);
  t.equal(requests.get('slow'), 5);
});

t.test('given a receiver that asks for a pause, then it receives nothing until it ends', async (t) => {
  const { emitTo, tasksWith, deliveries, waitingJobs, clock } = await createReceivers(t);
  let retryAfterMs: number | null = 120_000;
  const sent: string[] = [];
  const tasks = tasksWith(async (_, { id }) => {
    sent.push(id);
    if (retryAfterMs !== null) throw new RefusedDeliveryError('busy', retryAfterMs);
  });
  const run = () => runTaskOnce(tasks, RECEIVER_TASK, { channel, target: 'a', accountId: null }, logger);
  await emitTo(['a']);
  await emitTo(['a']);
  t.equal((await waitingJobs()).length, 1, 'one job for both');
  await run();
  const at = new Date(clock.now().getTime() + 120_000);
  t.match(await deliveries(), [
    { status: 'pending', attempts: 1, next_attempt_at: at },
    { status: 'pending', attempts: 0 },
  ]);
  clock.advance(119_999);
  await run();
  t.equal(sent.length, 1);
  t.ok(
    (await waitingJobs()).some(({ run_at: runAt }) => runAt >= at),
    'a job for the end of the pause',
  );
  clock.advance(1);
  retryAfterMs = null;
  await run();
  t.match(await deliveries(), [{ status: 'delivered' }, { status: 'delivered' }]);

  retryAfterMs = 86_400_000;
  await emitTo(['a']);
  await run();
  const [, , last] = await deliveries();
  t.same(last.next_attempt_at, new Date(clock.now().getTime() + 3_600_000), 'at most an hour');
});

t.test('given a process that died, then another one continues when its claim ends', async (t) => {
  const { emitTo, tasksWith, deliveries, database, clock, newId } = await createReceivers(t);
  const target = newId();
  await emitTo([target]);
  const end = new Date(clock.now().getTime() + 30_000);
  const claim = (claimedUntil: Date) =>
    claimReceiver(database, { channel, target, claimedUntil }, clock.now());
  t.equal(await claim(end), null);
  t.same(await claim(clock.now()), end);
  const tasks = tasksWith(async () => undefined);
  const run = () => runTaskOnce(tasks, RECEIVER_TASK, { channel, target, accountId: null }, logger);
  await run();
  t.match(await deliveries(), [{ status: 'pending' }]);
  clock.advance(30_000);
  await run();
  t.match(await deliveries(), [{ status: 'delivered' }]);
});

t.test('given a delivery that outlives its claim, then the claim of the next process stays', async (t) => {
  const { emitTo, tasksWith, database, pool, clock } = await createReceivers(t);
  for (const retryAfterMs of [null, 60_000]) {
    const target = `slow-${retryAfterMs}`;
    await emitTo([target]);
    await emitTo([target]);
    let other: Date | undefined;
    let sent = 0;
    const tasks = tasksWith(async () => {
      sent += 1;
      clock.advance(13_000);
      other = new Date(clock.now().getTime() + 13_000);
      t.equal(await claimReceiver(database, { channel, target, claimedUntil: other }, clock.now()), null);
      if (retryAfterMs !== null) throw new RefusedDeliveryError('busy', retryAfterMs);
    });
    await runTaskOnce(tasks, RECEIVER_TASK, { channel, target, accountId: null }, logger);
    const { rows } = await pool.query('SELECT claimed_until FROM outbox_claims WHERE target = $1', [target]);
    t.same(rows, [{ claimed_until: other }], 'neither released nor moved');
    t.equal(sent, 1, 'the rest is left to the process that has the claim');
  }
});

t.test('given a due delivery without a job, then one is added', async (t) => {
  const { emitTo, tasksWith, pool, clock, waitingJobs } = await createReceivers(t);
  await emitTo(['a', 'b']);
  await pool.query('DELETE FROM graphile_worker._private_jobs');
  const repair = () =>
    runTaskOnce(
      tasksWith(async () => undefined),
      'repair-deliveries',
      {},
      logger,
    );
  await repair();
  t.strictSame(await waitingJobs(), [], 'its job may still come');
  clock.advance(1_800_000);
  await repair();
  t.strictSame((await waitingJobs()).map(({ key }) => key).sort(), ['webhook:a', 'webhook:b']);
});

t.test('pauses grow, are spread, and are never shorter than the receiver asks', async (t) => {
  t.equal(pauseAfter('webhook', 1, null, 0.5), 5_000);
  t.equal(pauseAfter('webhook', 1, null, 0), 4_000);
  t.equal(pauseAfter('webhook', 8, null, 1), 38_880_000);
  t.equal(pauseAfter('webhook', 9), null);
  t.equal(pauseAfter('slack', 1, 60_000, 0.5), 60_000);
  t.equal(pauseAfter('slack', 5, 60_000, 0.5), 3_600_000);
  t.equal(pauseAfter('slack', 7), null);
});
