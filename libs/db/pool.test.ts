import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { isDatabaseAway } from './database-away.ts';
import { createPool } from './pool.ts';

t.test('given a pool on real PostgreSQL', async (t) => {
  const { url } = await createTestDatabase(t);
  const idleErrors: Error[] = [];
  const pool = createPool({
    connectionString: url,
    max: 2,
    applicationName: 'pool-test',
    statementTimeoutMs: 1_500,
    onIdleError: (error) => idleErrors.push(error),
  });
  t.teardown(() => pool.end());

  await t.test('then integers beyond doubles and exact numerics survive the way', async (t) => {
    const { rows } = await pool.query(
      `select 9007199254740993::bigint as big, array[1, null, 9007199254740993]::bigint[] as list,
              '{}'::bigint[] as none, null::bigint as missing, 0.1::numeric as exact,
              '2026-11-20T10:00:00.123Z'::timestamptz as moment, 7::int as small`,
    );
    t.strictSame(rows, [
      {
        big: 9007199254740993n,
        list: [1n, null, 9007199254740993n],
        none: [],
        missing: null,
        exact: '0.1',
        moment: new Date('2026-11-20T10:00:00.123Z'),
        small: 7,
      },
    ]);
    const echoed = await pool.query('select $1::bigint as big, $2::bigint[] as list', [2n ** 62n, [1n, 2n]]);
    t.strictSame(echoed.rows, [{ big: 2n ** 62n, list: [1n, 2n] }]);
  });

  await t.test('then a runaway statement is cancelled by the server', async (t) => {
    await t.rejects(pool.query('select pg_sleep(30)'), { code: '57014' });
  });

  await t.test(
    'then a statement that the server never cancels fails as if the database were away',
    async (t) => {
      const frozen = createPool({
        connectionString: url,
        max: 1,
        applicationName: 'frozen',
        statementTimeoutMs: 100,
      });
      t.teardown(() => frozen.end());
      const error = await frozen
        .query('set statement_timeout = 0; select pg_sleep(60)')
        .catch((thrown: Error) => thrown);
      t.ok(isDatabaseAway(error), String(error));
      const { rows } = await frozen.query('select 1 as one');
      t.strictSame(rows, [{ one: 1 }], 'on another connection');
    },
  );

  await t.test('then the death of an idle connection is reported and harmless', async (t) => {
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    const removed = new Promise((resolve) => pool.once('remove', resolve));
    const other = createPool({
      connectionString: url,
      max: 1,
      applicationName: 'killer',
      statementTimeoutMs: 10_000,
    });
    await other.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await other.end();
    await removed;
    t.match(idleErrors, [{ code: '57P01' }]);
    t.strictSame((await pool.query(`select current_setting('application_name') as name`)).rows, [
      { name: 'pool-test' },
    ]);
  });
});
