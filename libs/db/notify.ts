import { sql } from 'drizzle-orm';
import type { Queryable } from './database.ts';

/** The one channel on which services tell each other that something they may have cached has changed. */
export const CHANGES_CHANNEL = 'inkmeter';

/** What changed, so that whoever keeps a copy reads it anew. */
export type Change =
  | { kind: 'prices' }
  /** A catalogue version became the active one. */
  | { kind: 'catalogue'; id: string }
  /** What an account may do has changed, or whether it may do anything. */
  | { kind: 'account'; id: string }
  /** A feature flag has changed, which any account may feel; `id` is its key. */
  | { kind: 'flag'; id: string }
  /** A person's role, password or sessions have changed. */
  | { kind: 'user'; id: string }
  /** A key was revoked; `id` is its public id. */
  | { kind: 'api_key'; id: string }
  /** An emergency stop is in force; written by the ledger's SQL. `target` is empty for the global one. */
  | { kind: 'stop'; id: string; stop: 'global' | 'provider' | 'model' | 'account' | 'key'; target: string }
  | { kind: 'stop_lifted'; id: string };

const KINDS: ReadonlySet<string> = new Set<Change['kind']>([
  'prices',
  'catalogue',
  'account',
  'flag',
  'user',
  'api_key',
  'stop',
  'stop_lifted',
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
