import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { createEmptyDatabase, createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { describeSchema } from '#libs/testing/schema.ts';
import { readFunctionFiles } from './functions.ts';
import { migrate, migrationsFolder } from './migrate.ts';
import { assertServerVersion } from './server-version.ts';

/** A copy of the repository's migrations that a test may change. */
function copyMigrations(t: TestScope) {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-migrations-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(migrationsFolder, folder, { recursive: true });
  const fileOf = (name: string) => path.join(folder, 'functions', `${name}.sql`);
  return {
    folder,
    write: (name: string, sql: string) => writeFileSync(fileOf(name), sql),
    remove: (name: string) => rmSync(fileOf(name)),
  };
}

t.test('a new installation has exactly the functions and views of the files', async (t) => {
  const { pool } = await createTestDatabase(t);
  const { rows } = await pool.query<{ name: string }>(
    `SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace
     UNION ALL
     SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'`,
  );
  const files = readFunctionFiles(path.join(migrationsFolder, 'functions'));
  t.strictSame(rows.map(({ name }) => name).sort(), files.map(({ name }) => name).sort());
});

t.test('migrating again changes nothing', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const before = await describeSchema(pool);
  const appliedAt = async () =>
    (await pool.query('SELECT max(applied_at) AS at FROM drizzle.schema_functions')).rows;
  const first = await appliedAt();
  await migrate({ connectionString: url });
  t.strictSame(await describeSchema(pool), before);
  t.strictSame(await appliedAt(), first);
});

t.test('given an installation, a changed file replaces its function', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const copy = copyMigrations(t);
  const value = async (sql: string) => Object.values((await pool.query(sql)).rows[0] as object)[0];
  const upgrade = () => migrate({ connectionString: url, folder: copy.folder });
  await pool.query(`INSERT INTO ledger_accounts VALUES (1, gen_random_uuid(), now(), 1)`);

  await t.test('in place, with the settings and grants of the file only', async (t) => {
    const oid = `SELECT 'ledger_touch'::regproc::oid::int`;
    const before = await value(oid);
    copy.write(
      'ledger/ledger_touch',
      `CREATE OR REPLACE FUNCTION ledger_touch(
         p_now timestamptz, p_shard smallint, p_account uuid, p_user uuid, p_key uuid, p_workspace uuid)
       RETURNS void LANGUAGE sql SET work_mem = '8MB' AS 'SELECT';
       REVOKE ALL ON FUNCTION ledger_touch FROM PUBLIC;
       GRANT EXECUTE ON FUNCTION ledger_touch TO inkmeter_billing;`,
    );
    await upgrade();
    t.equal(await value(oid), before);
    t.strictSame(await value(`SELECT proconfig FROM pg_proc WHERE proname = 'ledger_touch'`), [
      'work_mem=8MB',
    ]);
    const mayRun = (role: string) =>
      value(`SELECT has_function_privilege('${role}', 'ledger_touch'::regproc, 'EXECUTE')`);
    t.equal(await mayRun('inkmeter_billing'), true);
    t.equal(await mayRun('inkmeter_gateway'), false, 'a grant that the file does not have is gone');
  });

  await t.test('dropped first where its signature or return type changed', async (t) => {
    copy.write(
      'ledger/ledger_threshold',
      `CREATE OR REPLACE FUNCTION ledger_threshold(p_amount numeric, p_bps integer) RETURNS bigint
       LANGUAGE sql IMMUTABLE RETURN ceil(p_amount * p_bps / 10000)::bigint;`,
    );
    copy.write(
      'audit/parts_per_million',
      `CREATE OR REPLACE FUNCTION parts_per_million(p_bps integer) RETURNS integer
       LANGUAGE sql IMMUTABLE RETURN p_bps * 100;`,
    );
    await upgrade();
    t.equal(await value(`SELECT count(*)::int FROM pg_proc WHERE proname = 'ledger_threshold'`), 1);
    copy.write(
      'audit/parts_per_million',
      `CREATE OR REPLACE FUNCTION parts_per_million(p_bps integer) RETURNS bigint
       LANGUAGE sql IMMUTABLE RETURN p_bps * 100::bigint;`,
    );
    await upgrade();
    t.equal(await value('SELECT parts_per_million(95)'), 9_500n);
  });

  await t.test('with the functions and views that depend on it, in any order of names', async (t) => {
    copy.write(
      'audit/a_view',
      'CREATE OR REPLACE VIEW a_view AS SELECT a_function(period_months) AS ppm FROM ledger_accounts;',
    );
    copy.write(
      'audit/a_function',
      `CREATE OR REPLACE FUNCTION a_function(p_bps integer) RETURNS bigint
       LANGUAGE sql IMMUTABLE RETURN parts_per_million(p_bps);`,
    );
    await upgrade();
    t.equal(await value('SELECT ppm FROM a_view'), 100n);
    copy.write(
      'audit/parts_per_million',
      `CREATE OR REPLACE FUNCTION parts_per_million(p_bps integer, p_factor integer DEFAULT 7) RETURNS bigint
       LANGUAGE sql IMMUTABLE RETURN p_bps * p_factor::bigint;`,
    );
    await upgrade();
    t.equal(await value('SELECT ppm FROM a_view'), 7n);
  });

  await t.test('and a removed file drops its function', async (t) => {
    for (const name of ['a_view', 'a_function', 'parts_per_million']) copy.remove(`audit/${name}`);
    await upgrade();
    t.equal(await value(`SELECT count(*)::int FROM pg_proc WHERE proname = 'parts_per_million'`), 0);
    t.equal(await value(`SELECT to_regclass('a_view')`), null);
    t.equal(await value(`SELECT count(*)::int FROM drizzle.schema_functions WHERE name LIKE 'a\\_%'`), 0);
  });

  await t.test('but not one that a trigger needs: the upgrade fails and changes nothing', async (t) => {
    const before = await describeSchema(pool);
    copy.write(
      'audit/another',
      `CREATE OR REPLACE FUNCTION another() RETURNS integer LANGUAGE sql RETURN 1;`,
    );
    copy.remove('audit/audit_log_is_append_only');
    await t.rejects(upgrade(), { code: '2BP01' });
    t.strictSame(await describeSchema(pool), before);
  });
});

t.test('given a function that PostgreSQL rejects, nothing is applied', async (t) => {
  const { pool, url } = await createEmptyDatabase(t);
  const copy = copyMigrations(t);
  copy.write(
    'ledger/zz_broken',
    'CREATE OR REPLACE FUNCTION zz_broken() RETURNS integer LANGUAGE sql RETURN nothing;',
  );
  await t.rejects(migrate({ connectionString: url, folder: copy.folder }), {
    message: /^ledger\/zz_broken\.sql: column "nothing" does not exist/,
  });
  t.strictSame(await describeSchema(pool), []);
  const { rows } = await pool.query(`SELECT to_regclass('drizzle.__drizzle_migrations') AS migrations`);
  t.strictSame(rows, [{ migrations: null }]);

  copy.remove('ledger/zz_broken');
  await migrate({ connectionString: url, folder: copy.folder });
  t.strictSame(await describeSchema(pool), await describeSchema((await createTestDatabase(t)).pool));
});

t.test('given a migration that PostgreSQL rejects, the error names it and its line', async (t) => {
  const { pool, url } = await createEmptyDatabase(t);
  const copy = copyMigrations(t);
  writeFileSync(path.join(copy.folder, '0002_key_limits.sql'), 'SELECT 1,\n  nothing;\n');
  await t.rejects(migrate({ connectionString: url, folder: copy.folder }), {
    message: 'Migration 0002_key_limits failed: column "nothing" does not exist, in the line "nothing;"',
  });
  t.strictSame(await describeSchema(pool), []);
});

t.test('a file must define what it is named for, and only that', async (t) => {
  const { url } = await createTestDatabase(t);
  const copy = copyMigrations(t);
  copy.write('ledger/named', 'CREATE OR REPLACE FUNCTION other() RETURNS integer LANGUAGE sql RETURN 1;');
  await t.rejects(migrate({ connectionString: url, folder: copy.folder }), {
    message: 'ledger/named.sql: must define one function or view named named, not 0',
  });
  copy.remove('ledger/named');
  copy.write('audit/ledger_touch', 'SELECT 1');
  await t.rejects(migrate({ connectionString: url, folder: copy.folder }), /have the same name/);
});

t.test('PostgreSQL older than 18.4 is refused', async (t) => {
  const server = (number: string, name: string) =>
    ({ query: async () => ({ rows: [{ number, name }] }) }) as never;
  await t.rejects(assertServerVersion(server('180000', '18.0')), {
    message: /requires PostgreSQL 18\.4 or later; this server is 18\.0/,
  });
  await t.rejects(assertServerVersion(server('180003', '18.3')));
  await t.resolves(assertServerVersion(server('180004', '18.4')));
  await t.resolves(assertServerVersion(server('190000', '19.0')));
});

t.test(
  'given requests that use a table, then a migration of it lets them pass until it gets its turn',
  async (t) => {
    const { pool, url } = await createTestDatabase(t);
    const copy = copyMigrations(t);
    const journalFile = path.join(copy.folder, 'meta/_journal.json');
    const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: object[] };
    const [last] = journal.entries.slice(-1) as { when: number; idx: number }[];
    const next = { ...last, idx: (last?.idx ?? 0) + 1, when: (last?.when ?? 0) + 1, tag: '9999_next' };
    writeFileSync(journalFile, JSON.stringify({ ...journal, entries: [...journal.entries, next] }));
    writeFileSync(path.join(copy.folder, '9999_next.sql'), 'ALTER TABLE accounts ADD COLUMN next integer');

    const request = await pool.connect();
    await request.query('BEGIN; SELECT FROM accounts');
    let isMigrated = false;
    const migrated = migrate({ connectionString: url, folder: copy.folder }).then(() => {
      isMigrated = true;
    });
    const isWaiting = async () => {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'inkmeter-migrate' AND datname = current_database()
          AND wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    };
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      while (!(await isWaiting()));
      // It stands in line behind the migration, which gives up.
      await pool.query('SELECT FROM accounts');
      t.equal(isMigrated, false);
    }
    await request.query('COMMIT');
    request.release();
    await migrated;
    t.resolves(pool.query('SELECT next FROM accounts'));
  },
);
