import type { Queryable } from '#libs/db/database.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import { findOpenRequest } from '../payments/store.ts';
import { hasTried } from '../trials/store.ts';

/** What a customer's next purchase depends on. */
export async function findPurchaseState(
  db: Queryable,
  accountId: string,
): Promise<{ openRequest: PaymentRequest | undefined; hasTried: boolean }> {
  return { openRequest: await findOpenRequest(db, accountId), hasTried: await hasTried(db, accountId) };
}
