/** Extends holds whose requests have been accepted for later. */
import { formatInstant, toDate } from './instant.ts';
import { lockAccounts, type Session } from './load.ts';
import { OPEN_HOLDS_SQL, selectHolds, toHold } from './settle.ts';
import type { Program } from './two-step.ts';

export type ExtendRequest = {
  holdId: string;
  accountId: string;
  /** How long the hold lasts from now on. */
  ttlMs: number;
};

const EXTEND_SQL = `UPDATE ledger_open_holds SET expires_at = $2::timestamptz WHERE ctid = $1::tid`;

/** @returns the new expiry; null if the hold is not open. Locks the account, so that a hold expires or is extended. */
export function* extendProgram(
  session: Session,
  { holdId: id, accountId, ttlMs }: ExtendRequest,
): Program<Date | null> {
  const { now, after } = yield* lockAccounts(session, [accountId], {
    after: [selectHolds('ledger_open', OPEN_HOLDS_SQL, [{ id, accountId }])],
  });
  const [hold] = (after[0] ?? []).map(toHold);
  if (hold?.accountId !== accountId) return { writes: [], result: null };
  const expiresAt = now + ttlMs * 1_000;
  const values = [hold.rowPointer, formatInstant(expiresAt)];
  return { writes: [{ name: 'ledger_extend', text: EXTEND_SQL, values }], result: toDate(expiresAt) };
}
