/**
 * SQL functions and views, one to a file: `migrations/functions/<owner>/<name>.sql`. A file holds the whole definition
 * with its settings and grants. `applyFunctions` makes the database equal to the files.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';

export type FunctionFile = { name: string; file: string; sql: string; checksum: string };

/**
 * PostgreSQL's answers when an object of that name exists and cannot be replaced in place: another return type or
 * parameter name (42P13), other view columns (42P16), or a second function with other parameter types (42725).
 */
const NOT_REPLACEABLE: ReadonlySet<string | undefined> = new Set(['42P13', '42P16', '42725']);

const RECORDS_SQL = `
  CREATE TABLE IF NOT EXISTS drizzle.schema_functions (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())`;

const OBJECTS_SQL = `
  SELECT p.proname AS name, 'ROUTINE' AS kind, p.oid::regprocedure::text AS signature FROM pg_proc p
   WHERE p.pronamespace = current_schema()::regnamespace
  UNION ALL
  SELECT c.relname, 'VIEW', c.oid::regclass::text FROM pg_class c
   WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v'`;

/** Functions whose parsed body or signature, and views whose query, refer to the object. */
const DEPENDENTS_SQL = `
  WITH referenced AS (
    SELECT 'pg_proc'::regclass AS class, p.oid FROM pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = $1
    UNION ALL
    SELECT r.class, r.oid FROM pg_class c
     CROSS JOIN LATERAL (VALUES ('pg_class'::regclass, c.oid), ('pg_type'::regclass, c.reltype)) r(class, oid)
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1 AND c.relkind = 'v')
  SELECT DISTINCT coalesce(p.proname, v.relname) AS name
    FROM referenced r
    JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid
    LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_class v ON v.oid = w.ev_class
   WHERE coalesce(p.proname, v.relname) <> $1`;

const GRANTEES_SQL = `
  SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a
   WHERE p.oid = $1::regprocedure AND a.grantee <> p.proowner`;

type DatabaseObject = { name: string; kind: 'ROUTINE' | 'VIEW'; signature: string };

/** @throws Error when two files define the same name. */
export function readFunctionFiles(folder: string): FunctionFile[] {
  const files = globSync('*/*.sql', { cwd: folder })
    .sort()
    .map((file) => {
      const sql = readFileSync(path.join(folder, file), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { name: path.basename(file, '.sql'), file, sql, checksum };
    });
  const names = new Set(files.map(({ name }) => name));
  if (names.size < files.length) throw new Error(`Two files of ${folder} have the same name.`);
  return files;
}

/**
 * Creates the functions and views that are missing, replaces those whose file has changed, and drops those whose file is
 * gone. Runs in the caller's transaction. A function whose signature or return type has changed is dropped first,
 * together with the functions and views that depend on it; they are created again from their files.
 *
 * @returns the names that were created or replaced.
 * @throws Error naming the file that PostgreSQL rejects. The caller must roll back.
 */
export async function applyFunctions(client: pg.ClientBase, folder: string): Promise<string[]> {
  await client.query(RECORDS_SQL);
  const files = readFunctionFiles(folder);
  const recorded = await readRecords(client);
  const managed = new Set([...files.map(({ name }) => name), ...recorded.keys()]);

  for (const name of recorded.keys()) {
    if (files.some((file) => file.name === name)) continue;
    await dropWithDependents(client, name, managed);
    await client.query('DELETE FROM drizzle.schema_functions WHERE name = $1', [name]);
  }

  const applied = new Set<string>();
  let pending = await findPending(client, files, recorded);
  while (pending.length > 0) {
    const failures: Error[] = [];
    for (const file of pending) {
      try {
        await applyFile(client, file, managed);
        recorded.set(file.name, file.checksum);
        applied.add(file.name);
      } catch (error) {
        failures.push(new Error(`${file.file}: ${(error as Error).message}`, { cause: error }));
      }
    }
    // A file may need a function of another one: retry until a round makes no progress.
    if (failures.length === pending.length) throw failures[0];
    pending = await findPending(client, files, recorded);
  }
  return [...applied];
}

async function readRecords(client: pg.ClientBase): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM drizzle.schema_functions',
  );
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
}

/** Files that have changed, and files whose object does not exist: a migration or a drop of its dependency removed it. */
async function findPending(
  client: pg.ClientBase,
  files: readonly FunctionFile[],
  recorded: ReadonlyMap<string, string>,
): Promise<FunctionFile[]> {
  const { rows } = await client.query<DatabaseObject>(OBJECTS_SQL);
  const existing = new Set(rows.map(({ name }) => name));
  return files.filter(({ name, checksum }) => recorded.get(name) !== checksum || !existing.has(name));
}

async function findObjects(client: pg.ClientBase, name: string): Promise<DatabaseObject[]> {
  const { rows } = await client.query<DatabaseObject>(`SELECT * FROM (${OBJECTS_SQL}) o WHERE o.name = $1`, [
    name,
  ]);
  return rows;
}

/** Runs one file. After an error the transaction is as before, so that other files can go on. */
async function applyFile(
  client: pg.ClientBase,
  file: FunctionFile,
  managed: ReadonlySet<string>,
): Promise<void> {
  await client.query('SAVEPOINT function_file');
  try {
    if (!(await replaceInPlace(client, file))) {
      await dropWithDependents(client, file.name, managed);
      await client.query(file.sql);
      const objects = await findObjects(client, file.name);
      if (objects.length !== 1)
        throw new Error(`must define one function or view named ${file.name}, not ${objects.length}`);
    }
    await client.query(
      `INSERT INTO drizzle.schema_functions (name, checksum) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()`,
      [file.name, file.checksum],
    );
    await client.query('RELEASE SAVEPOINT function_file');
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT function_file');
    throw error;
  }
}

/** `CREATE OR REPLACE` as the file has it; false, with nothing changed, where the object must be dropped first. */
async function replaceInPlace(client: pg.ClientBase, file: FunctionFile): Promise<boolean> {
  await client.query('SAVEPOINT replacement');
  try {
    await resetPrivileges(client, file.name);
    await client.query(file.sql);
    if ((await findObjects(client, file.name)).length === 1) {
      await client.query('RELEASE SAVEPOINT replacement');
      return true;
    }
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !NOT_REPLACEABLE.has(error.code)) throw error;
  }
  await client.query('ROLLBACK TO SAVEPOINT replacement');
  return false;
}

/** Restores PostgreSQL's default, because `CREATE OR REPLACE` keeps grants that the file may not have any more. */
async function resetPrivileges(client: pg.ClientBase, name: string): Promise<void> {
  for (const { kind, signature } of await findObjects(client, name)) {
    if (kind === 'VIEW') continue;
    const { rows } = await client.query<{ grantee: string }>(GRANTEES_SQL, [signature]);
    for (const { grantee } of rows) await client.query(`REVOKE ALL ON ROUTINE ${signature} FROM ${grantee}`);
    await client.query(`GRANT EXECUTE ON ROUTINE ${signature} TO PUBLIC`);
  }
}

/** Fails where something else, such as a trigger or an index, depends on the object. */
async function dropWithDependents(
  client: pg.ClientBase,
  name: string,
  managed: ReadonlySet<string>,
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(DEPENDENTS_SQL, [name]);
  for (const dependent of rows) {
    if (managed.has(dependent.name)) await dropWithDependents(client, dependent.name, managed);
  }
  for (const { kind, signature } of await findObjects(client, name)) {
    await client.query(`DROP ${kind} IF EXISTS ${signature}`);
  }
}
