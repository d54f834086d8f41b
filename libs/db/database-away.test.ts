import pg from 'pg';
import t from 'tap';
import { createTestCluster } from '#libs/testing/cluster.ts';
import { isDatabaseAway } from './database-away.ts';
import { createPool } from './pool.ts';

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (error: unknown) => error,
  );
}

t.test('given a server that is killed, every failure says that it is away', async (t) => {
  const cluster = await createTestCluster(t);
  const pool = createPool({
    connectionString: cluster.url,
    max: 2,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
  });
  t.teardown(() => pool.end());
  const client = await pool.connect();
  client.on('error', () => undefined);
  const running = failureOf(() => client.query('SELECT pg_sleep(60)'));
  await cluster.kill();
  t.ok(isDatabaseAway(await running), 'in the middle of a query');
  client.release(true);
  const refused = await failureOf(() => pool.query('SELECT 1'));
  t.ok(isDatabaseAway(refused), 'when connecting');
  t.ok(isDatabaseAway(new Error('a store failed', { cause: refused })), 'however deep');
  await cluster.start();
  t.notOk(isDatabaseAway(await failureOf(() => pool.query('SELECT nothing'))), 'a wrong query is not');
});

t.test('states of a server that comes or goes', async (t) => {
  for (const code of ['57P01', '57P02', '57P03', '08006', '53300', '55P03']) {
    t.ok(isDatabaseAway(Object.assign(new pg.DatabaseError('away', 4, 'error'), { code })), code);
  }
  t.notOk(isDatabaseAway(Object.assign(new pg.DatabaseError('duplicate', 9, 'error'), { code: '23505' })));
  t.notOk(isDatabaseAway(new Error('something else')));
  t.notOk(isDatabaseAway('a word'));
});
