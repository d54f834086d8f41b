import pg from 'pg';
import t from 'tap';
import { createPool } from '#libs/db/pool.ts';
import { createTestCluster } from './cluster.ts';

t.test('given a separate server, a crash loses no committed data', async (t) => {
  const cluster = await createTestCluster(t);
  const pool = createPool({
    connectionString: cluster.url,
    max: 1,
    applicationName: 'crash',
    statementTimeoutMs: 5_000,
  });
  t.teardown(() => pool.end());
  await pool.query('create table kept as select 1 as n');
  await cluster.kill();
  // An open session may answer one more query before its process notices; a new one is refused.
  await t.rejects(new pg.Client({ connectionString: cluster.url }).connect());
  await cluster.start();
  await pool.query('select').catch(() => 'the session that was open is gone');
  t.strictSame((await pool.query('select n from kept')).rows, [{ n: 1 }]);
  t.match(cluster.log(), 'database system was not properly shut down');
  await cluster.stop();
});
