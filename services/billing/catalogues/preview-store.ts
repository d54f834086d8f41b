import type { Database } from '#libs/db/database.ts';
import {
  COMMON_COLUMNS,
  type CommonRow,
  type OwnRow,
  ownColumns,
  toAdjustments,
} from '../adjustments/store.ts';
import type { AccountState, CatalogueVersion } from '../subscriptions/domain/subscription.ts';
import { findNextNotOnVersion } from '../subscriptions/store.ts';
import type { CatalogueVersions } from './versions-store.ts';

const OWN_SQL = `
  SELECT a.id AS account_id, ${ownColumns('a.id', '$1')} FROM unnest($2::uuid[]) AS a (id)`;

/** The states of accounts that are not on the target version, in the order of their ids. */
export async function readNextStates(
  database: Database,
  versions: CatalogueVersions,
  { target, after, limit, now }: { target: CatalogueVersion; after: string | null; limit: number; now: Date },
): Promise<AccountState[]> {
  const subscriptions = await findNextNotOnVersion(database, target.id, { after, limit });
  const common = await database.$client.query<CommonRow>(`SELECT ${COMMON_COLUMNS}`);
  const ids = subscriptions.map(({ accountId }) => accountId);
  const own = await database.$client.query<OwnRow & { account_id: string }>(OWN_SQL, [now, ids]);
  const ownByAccount = new Map(own.rows.map((row) => [row.account_id, row]));
  const states: AccountState[] = [];
  for (const subscription of subscriptions) {
    const row = ownByAccount.get(subscription.accountId) as OwnRow;
    states.push({
      subscription,
      sold: await versions.version(database, subscription.catalogueVersionId),
      adjustments: toAdjustments(row, common.rows[0] as CommonRow),
    });
  }
  return states;
}
