import type { Pool } from 'pg';

/** 18.0 to 18.3 can lose rows in an UPDATE of several rows after a concurrent change. */
const MIN_SERVER_VERSION = { number: 180_004, name: '18.4' };

/** @throws Error when the server is older than Inkmeter supports. */
export async function assertServerVersion(db: Pick<Pool, 'query'>): Promise<void> {
  const { rows } = await db.query<{ number: string; name: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS name`,
  );
  const [version] = rows;
  if (version !== undefined && Number(version.number) >= MIN_SERVER_VERSION.number) return;
  throw new Error(
    `Inkmeter requires PostgreSQL ${MIN_SERVER_VERSION.name} or later; this server is ${version?.name}. ` +
      'Earlier versions can lose rows in an UPDATE of several rows.',
  );
}
