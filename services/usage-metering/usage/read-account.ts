import type { Database } from '#libs/db/database.ts';
import { type AccountUsage, type LimitUsageQuery, readLimits } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';

export type ReadAccountOptions = {
  database: Database;
  clock: Clock;
  /** Has billing create the balances of an account that has none. Rejects when billing cannot be reached. */
  ensureBalances: (accountId: string, requestId: string) => Promise<void>;
};

/**
 * The period and the limits of an account, whose balances billing creates if there are none.
 * @throws ProblemError `service_unavailable`
 */
export async function readAccount(
  { database, clock, ensureBalances }: ReadAccountOptions,
  query: LimitUsageQuery,
  requestId: string,
): Promise<AccountUsage & { now: Date }> {
  const now = clock.now();
  const account = await readLimits(database, now, query);
  if (account !== undefined) return { ...account, now };
  await ensureBalances(query.accountId, requestId);
  // The balances begin after the first reading of the clock.
  const later = clock.now();
  const created = await readLimits(database, later, query);
  if (created === undefined) throw problem('service_unavailable');
  return { ...created, now: later };
}
