import type { Pool } from 'pg';

/** The one channel on which services tell each other that something they may have cached has changed. */
export const CHANGES_CHANNEL = 'inkmeter';

/** What changed, so that whoever keeps a copy reads it anew. */
export type Change =
  | { kind: 'prices' }
  /** A catalogue version became the active one. */
  | { kind: 'catalogue'; id: string }
  /** What the account may do has changed. */
  | { kind: 'account'; id: string };

/** Tells every listener, if and when the surrounding transaction commits. */
export async function announce(database: Pick<Pool, 'query'>, change: Change): Promise<void> {
  await database.query('SELECT pg_notify($1, $2)', [CHANGES_CHANNEL, JSON.stringify(change)]);
}
