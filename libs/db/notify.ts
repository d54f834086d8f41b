import { sql } from 'drizzle-orm';
import type { Queryable } from './database.ts';

/** The channel on which services notify each other of changes to data that may be cached. */
export const CHANGES_CHANNEL = 'inkmeter';

/** What changed. Receivers invalidate their copies. */
export type Change =
  | { kind: 'prices' }
  /** A catalogue version became the active one. */
  | { kind: 'catalogue'; id: string }
  /** The entitlements or the status of an account have changed. */
  | { kind: 'account'; id: string }
  /** A feature flag has changed, which can affect every account; `id` is its key. */
  | { kind: 'flag'; id: string }
  /** A user's role, password or sessions have changed. */
  | { kind: 'user'; id: string }
  /** A key was revoked; `id` is its public id. */
  | { kind: 'api_key'; id: string }
  /** A session token was revoked; `id` is its public id. */
  | { kind: 'session_token'; id: string }
  /** An emergency stop is in force; written by the ledger's SQL. `target` is empty for the global one. */
  | { kind: 'stop'; id: string; stop: 'global' | 'provider' | 'model' | 'account' | 'key'; target: string }
  | { kind: 'stop_lifted'; id: string }
  /** A content job has new events, or was cancelled. */
  | { kind: 'generation'; id: string; status: string };

const KINDS: ReadonlySet<string> = new Set<Change['kind']>([
  'prices',
  'catalogue',
  'account',
  'flag',
  'user',
  'api_key',
  'session_token',
  'stop',
  'stop_lifted',
  'generation',
]);

/** Notifies every listener when the surrounding transaction commits. */
export async function notify(db: Queryable, change: Change): Promise<void> {
  await db.execute(sql`SELECT pg_notify(${CHANGES_CHANNEL}, ${JSON.stringify(change)})`);
}

/** Reads a notification; null for what no service of this version says. */
export function parseChange(payload: string): Change | null {
  try {
    const change: unknown = JSON.parse(payload);
    const isKnown =
      typeof change === 'object' && change !== null && 'kind' in change && KINDS.has(String(change.kind));
    return isKnown ? (change as Change) : null;
  } catch {
    return null;
  }
}
