import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { findBrand } from '#libs/clients/account-brand.ts';
import type { Brand } from '#libs/contracts/branding.ts';
import { entitlementInputOf } from '../../subscriptions/domain/subscription.ts';
import { readAccount } from '../../subscriptions/plugin.ts';
import type { PaymentDeps } from '../collect.ts';

/** The brand to show on the pages of an account; null for the product's. */
export function findPageBrand(deps: PaymentDeps, accountId: string): Promise<Brand | null> {
  const get = async (id: string) =>
    entitlementsAt(entitlementInputOf(await readAccount(deps, id)), deps.runtime.clock.now());
  return findBrand(deps.database, { get }, accountId);
}
