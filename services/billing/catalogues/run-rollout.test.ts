import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import type { Rollout } from './domain/rollout.ts';
import { enqueueRollout, findRollout, startRollout } from './rollout-store.ts';
import { type RolloutDependencies, runRollout } from './run-rollout.ts';

const ACCOUNTS = Array.from(
  { length: 250 },
  (_, index) => `0190a1b2-0000-7000-8000-${String(index).padStart(12, '0')}`,
);
const account = (index: number) => ACCOUNTS[index] ?? '';

/** 250 accounts and a running rollout of a guard rail. `onApply` runs for each account. */
async function startTestRollout(
  t: TestScope,
  onApply: (accountId: string, progress: () => Promise<Rollout | undefined>) => unknown = () => undefined,
) {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const { clock, newId } = createFakeRuntime();
  await pool.query(
    `INSERT INTO subscriptions (account_id, catalogue_version_id, plan_key, cycle, status, anchor,
                                current_period_start, current_period_end, created_at, updated_at)
     SELECT id, $2, 'free', 'month', 'active', $3, $3, $3, $3, $3 FROM unnest($1::uuid[]) AS id`,
    [ACCOUNTS, newId(), clock.now()],
  );
  const start = () =>
    transaction(database, (tx) =>
      startRollout(tx, {
        id: newId(),
        kind: 'guard_rail',
        subject: 'global',
        migration: null,
        author: 'test',
        createdAt: clock.now(),
      }),
    );
  const rollout = await start();
  const progress = () => findRollout(database, rollout.id);
  const applied: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const dependencies: RolloutDependencies = {
    database,
    clock,
    async recomputeLimits(accountId) {
      applied.push(accountId);
      await onApply(accountId, progress);
    },
    moveToCatalogue: () => Promise.reject(new Error('a guard rail moves no subscription')),
  };
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void logged.push(JSON.parse(line)) },
  });
  const run = (signal = new AbortController().signal) =>
    runRollout(dependencies, rollout.id, { signal, logger });
  return { pool, database, rollout, start, run, progress, applied, logged };
}

t.test('a rollout processes every account once, batch by batch', async (t) => {
  const seen = new Set<string>();
  const { run, progress, applied } = await startTestRollout(t, async (_accountId, read) => {
    const now = await read();
    seen.add(`${now?.accountsDone} after ${now?.lastAccountId}`);
  });
  await run();
  t.strictSame([...applied].sort(), ACCOUNTS);
  t.strictSame([...seen], ['0 after null', `100 after ${account(99)}`, `200 after ${account(199)}`]);
  t.match(await progress(), {
    state: 'done',
    accountsTotal: 250,
    accountsDone: 250,
    accountsFailed: 0,
    lastAccountId: account(249),
  });
});

t.test('a rollout continues where another run ended', async (t) => {
  const { pool, run, applied } = await startTestRollout(t);
  await pool.query('UPDATE rollouts SET last_account_id = $1', [account(239)]);
  await run();
  t.strictSame([...applied].sort(), ACCOUNTS.slice(240));
});

t.test('an account that fails is counted and logged, and does not stop the others', async (t) => {
  const { run, progress, applied, logged } = await startTestRollout(t, (accountId) => {
    if (accountId === account(7)) throw new Error('no');
  });
  await run();
  t.equal(applied.length, 250);
  t.match(await progress(), { state: 'done', accountsDone: 249, accountsFailed: 1 });
  t.match(logged, [{ account: account(7), msg: 'account not moved by rollout' }]);
});

t.test('a superseded rollout ends after its batch', async (t) => {
  let supersede: (() => Promise<unknown>) | undefined;
  const { start, run, progress, applied } = await startTestRollout(t, async () => {
    await supersede?.();
    supersede = undefined;
  });
  supersede = start;
  await run();
  t.strictSame([...applied].sort(), ACCOUNTS.slice(0, 100));
  t.match(await progress(), { state: 'superseded', accountsDone: 0 });
});

t.test('an aborted run finishes its batch, and the next run does the rest', async (t) => {
  const stopping = new AbortController();
  const { run, progress, applied } = await startTestRollout(t, () => stopping.abort());
  await t.rejects(run(stopping.signal), { name: 'AbortError' });
  t.match(await progress(), { state: 'running', accountsDone: 100, lastAccountId: account(99) });
  await run();
  t.strictSame([...applied].sort(), ACCOUNTS);
  t.match(await progress(), { state: 'done', accountsDone: 250 });
});

t.test('a rollout has one job, which starts and waits with its transaction', async (t) => {
  const { pool, database, rollout } = await startTestRollout(t);
  const jobs = async () =>
    (
      await pool.query(
        `SELECT j.task_identifier AS task, j.key, j.queue_name AS queue FROM graphile_worker.jobs j ORDER BY j.id`,
      )
    ).rows;
  const job = { task: 'run-rollout', key: `rollout-${rollout.id}`, queue: 'rollout-guard_rail' };
  t.strictSame(await jobs(), [job]);
  await enqueueRollout(database, rollout);
  t.strictSame(await jobs(), [job]);
});
