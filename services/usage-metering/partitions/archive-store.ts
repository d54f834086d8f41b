import { asc, eq, getTableColumns } from 'drizzle-orm';
import { type Database, only, type Queryable, transaction } from '#libs/db/database.ts';
import { usageEvents } from '#libs/db/schema/ledger.ts';
import { archivedMonths } from '#libs/db/schema/metering.ts';

/** One usage row: texts, integers, booleans, instants with microseconds as text, and arrays as JSON text. */
export type ArchivedRow = Readonly<Record<string, string | number | bigint | boolean | null>>;

type ParquetType = 'STRING' | 'INT32' | 'INT64' | 'BOOLEAN';

const TYPES: Readonly<Record<string, { type: ParquetType; select: (column: string) => string }>> = {
  smallint: { type: 'INT32', select: (column) => column },
  integer: { type: 'INT32', select: (column) => column },
  bigint: { type: 'INT64', select: (column) => column },
  boolean: { type: 'BOOLEAN', select: (column) => column },
  uuid: { type: 'STRING', select: (column) => `${column}::text` },
  text: { type: 'STRING', select: (column) => column },
  'timestamp with time zone': {
    type: 'STRING',
    select: (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  },
  'text[]': { type: 'STRING', select: (column) => `to_json(${column})::text` },
  'bigint[]': { type: 'STRING', select: (column) => `to_json(${column})::text` },
};

/** The columns of a file, in the order of the schema, with the SQL that reads each. */
export const ARCHIVE_COLUMNS = Object.values(getTableColumns(usageEvents)).map((column) => {
  const known = TYPES[column.getSQLType()];
  if (known === undefined) throw new Error(`${column.name} cannot be archived.`);
  return { name: column.name, type: known.type, sql: `${known.select(column.name)} AS ${column.name}` };
});

export type ArchivedMonth = typeof archivedMonths.$inferSelect;

export function listArchives(db: Queryable): Promise<ArchivedMonth[]> {
  return db.select().from(archivedMonths).orderBy(asc(archivedMonths.month));
}

export async function findArchive(db: Queryable, month: string): Promise<ArchivedMonth | undefined> {
  const [found] = await db.select().from(archivedMonths).where(eq(archivedMonths.month, month));
  return found;
}

/** Records a month that is stored in files. A later attempt replaces one whose rows are still in the database. */
export async function recordArchive(
  database: Database,
  { month, ...archive }: Omit<ArchivedMonth, 'detachedAt'>,
): Promise<void> {
  await database
    .insert(archivedMonths)
    .values({ month, ...archive, detachedAt: null })
    .onConflictDoUpdate({ target: archivedMonths.month, set: archive });
}

/** The first days of the months before `end` that have a partition. */
export async function listPartitionsBefore(database: Database, end: string): Promise<string[]> {
  const { rows } = await database.$client.query<{ month: string }>(
    `SELECT to_char(to_date(right(c.relname, 7), 'YYYY_MM'), 'YYYY-MM-DD') AS month
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'usage_events'::regclass AND c.relname ~ '^usage_events_\\d{4}_\\d{2}$'
        AND to_date(right(c.relname, 7), 'YYYY_MM') < $1::date
      ORDER BY 1`,
    [end],
  );
  return rows.map(({ month }) => month);
}

const COLUMNS = ARCHIVE_COLUMNS.map(({ sql }) => sql).join(', ');

/**
 * The rows of a month after another row, in the order of the key. The columns are cast to what a file has, which Drizzle
 * would convert.
 */
export async function readMonth(
  database: Database,
  month: string,
  after: ArchivedRow | null,
  limit: number,
): Promise<ArchivedRow[]> {
  const place = after && [after.account_id, after.admitted_at, after.hold_id, after.call_index, after.shard];
  const { rows } = await database.$client.query<ArchivedRow>(
    `SELECT ${COLUMNS} FROM usage_events e
      WHERE e.admitted_at >= $1::date::timestamp AT TIME ZONE 'UTC'
        AND e.admitted_at < ($1::date + interval '1 month') AT TIME ZONE 'UTC'
        ${place ? 'AND (e.account_id, e.admitted_at, e.hold_id, e.call_index, e.shard) > ($3::uuid, $4::timestamptz, $5::uuid, $6::smallint, $7::smallint)' : ''}
      ORDER BY e.account_id, e.admitted_at, e.hold_id, e.call_index, e.shard LIMIT $2`,
    [month, limit, ...(place ?? [])],
  );
  return rows;
}

/**
 * Removes a stored month from the database.
 * @returns false if rows were added since it was stored.
 * @throws pg.DatabaseError 55P03 if a long read of all usage rows prevents it for now.
 */
export function detachMonth(database: Database, month: string, rows: number, now: Date): Promise<boolean> {
  return transaction(database, async (tx) => {
    const answer = await tx.$client.query<{ detached: boolean }>(
      'SELECT ledger_detach_partition($1::date, $2) AS detached',
      [month, rows],
    );
    const { detached } = only(answer.rows);
    if (detached)
      await tx.update(archivedMonths).set({ detachedAt: now }).where(eq(archivedMonths.month, month));
    return detached;
  });
}
