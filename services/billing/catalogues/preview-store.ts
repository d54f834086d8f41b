import type { Database } from '#libs/db/database.ts';
import {
  COMMON_COLUMNS,
  type CommonRow,
  type OwnRow,
  ownColumns,
  toAdjustments,
} from '../adjustments/store.ts';
import type { AccountState, CatalogueVersion } from '../subscriptions/domain.ts';
import { SUBSCRIPTION_COLUMNS, type SubscriptionRow, toSubscription } from '../subscriptions/store.ts';
import type { CatalogueVersions } from './versions.ts';

const NEXT_SQL = `
  SELECT ${SUBSCRIPTION_COLUMNS}, ${ownColumns('s.account_id', '$1')}
    FROM subscriptions s
   WHERE s.catalogue_version_id <> $2 AND ($3::uuid IS NULL OR s.account_id > $3)
   ORDER BY s.account_id LIMIT $4`;

/** The states of accounts that are not on the target version, in the order of their ids. */
export async function readNextStates(
  database: Database,
  versions: CatalogueVersions,
  { target, after, limit, now }: { target: CatalogueVersion; after: string | null; limit: number; now: Date },
): Promise<AccountState[]> {
  const common = await database.$client.query<CommonRow>(`SELECT ${COMMON_COLUMNS}`);
  const { rows } = await database.$client.query<SubscriptionRow & OwnRow>(NEXT_SQL, [
    now,
    target.id,
    after,
    limit,
  ]);
  const states: AccountState[] = [];
  for (const row of rows) {
    states.push({
      subscription: toSubscription(row),
      sold: await versions.version(database, row.catalogue_version_id),
      adjustments: toAdjustments(row, common.rows[0] as CommonRow),
    });
  }
  return states;
}
