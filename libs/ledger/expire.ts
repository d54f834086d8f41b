/** Ends holds that were not closed in time. */
import { toDate } from './instant.ts';
import { lockAccounts, type Session } from './load.ts';
import { bookAll, OPEN_HOLDS_SQL, type Settlement, selectHolds, toHold, writesOf } from './settle.ts';
import type { Program, Row } from './two-step.ts';
import type { ExpiredHold, Meters, OverdueHold, SettleRequest } from './types.ts';

const DUE_SQL = `
  SELECT o.id, o.account_id, d.detail
    FROM (SELECT * FROM ledger_open_holds WHERE expires_at <= coalesce($1::timestamptz, clock_timestamp())
           ORDER BY expires_at LIMIT $2::integer) o
    JOIN ledger_decisions d ON d.shard = o.shard AND d.id = o.id
   ORDER BY o.expires_at`;

/**
 * Ends holds past their expiry, oldest first: records their calls of unknown outcome, and releases the rest.
 *
 * @param settle the calls of a hold to record. It sees which calls have settled, under the lock: of concurrent runs, one
 * records them.
 */
export function* expireProgram(
  session: Session,
  limit: number,
  settle: (hold: OverdueHold) => readonly SettleRequest[],
): Program<ExpiredHold[]> {
  const values = [session.now?.toISOString() ?? null, String(limit)];
  const [rows = []] = yield [{ name: 'ledger_due', text: DUE_SQL, values }];
  if (rows.length === 0) return { writes: [], result: [] };
  const due = rows.map(([id, accountId]) => ({ id, accountId }) as { id: string; accountId: string });
  const details = new Map(rows.map(([id, , detail]) => [id, detail as string]));
  const loaded = yield* lockAccounts(
    session,
    due.map(({ accountId }) => accountId),
    // Some may have been closed or extended while this transaction waited for its locks.
    { after: [selectHolds('ledger_open', OPEN_HOLDS_SQL, due)] },
  );
  const holds = (loaded.after[0] as Row[]).map(toHold).filter(({ expiresAt }) => expiresAt <= loaded.now);
  const settlements = holds.flatMap((hold): Settlement[] => {
    const { id, accountId, settledCalls } = hold;
    const overdue = { id, accountId, settledCalls: [...settledCalls], detail: details.get(id) as string };
    return [
      ...settle({ ...overdue, remaining: toMeters(hold.meters, hold.remaining) }),
      { holdId: id, accountId, callIndex: null, meters: {}, facts: null, close: true },
    ];
  });
  const bookings = yield* bookAll(loaded, settlements, new Map(holds.map((hold) => [hold.id, hold])));
  // The last decision about each hold closes it.
  const left = new Map(bookings.booked.map(({ hold, decision }) => [hold, decision.left]));
  return {
    writes: writesOf(loaded, bookings, 'expired'),
    result: holds.map((hold) => ({
      id: hold.id,
      accountId: hold.accountId,
      settledCalls: [...hold.settledCalls],
      released: toMeters(hold.meters, left.get(hold) ?? []),
      expiresAt: toDate(hold.expiresAt) as Date,
    })),
  };
}

const toMeters = (names: readonly string[], amounts: readonly bigint[]): Meters =>
  Object.fromEntries(names.map((name, index) => [name, amounts[index] ?? 0n]));
