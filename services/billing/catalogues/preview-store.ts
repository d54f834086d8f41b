import type { Database } from '#libs/db/database.ts';
import { readAdjustmentsOf } from '../adjustments/store.ts';
import type { AccountState, CatalogueVersion } from '../subscriptions/domain/subscription.ts';
import { findNextNotOnVersion } from '../subscriptions/store.ts';

/** The states of accounts that are not on the target version, in the order of their ids. */
export async function readNextStates(
  database: Database,
  versionOf: (id: string) => Promise<CatalogueVersion>,
  { target, after, limit, now }: { target: CatalogueVersion; after: string | null; limit: number; now: Date },
): Promise<AccountState[]> {
  const subscriptions = await findNextNotOnVersion(database, target.id, { after, limit });
  const accountIds = subscriptions.map(({ accountId }) => accountId);
  const adjustmentsOf = await readAdjustmentsOf(database, accountIds, now);
  const states: AccountState[] = [];
  for (const subscription of subscriptions) {
    const sold = await versionOf(subscription.catalogueVersionId);
    states.push({ subscription, sold, adjustments: adjustmentsOf(subscription.accountId) });
  }
  return states;
}
