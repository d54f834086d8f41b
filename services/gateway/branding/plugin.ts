import type { FastifyPluginAsync } from 'fastify';
import { findBrand } from '#libs/clients/account-brand.ts';
import type { FeatureSource } from '#libs/clients/require-feature.ts';
import type { Brand } from '#libs/contracts/branding.ts';
import type { Database } from '#libs/db/database.ts';
import { type BrandingOptions, brandingRoutes } from './routes.ts';
import { brandedAccountsOf } from './store.ts';

/** The brand of an account, which mails, pages and exports show. */
export const brandingPlugin: FastifyPluginAsync<BrandingOptions> = async (app, options) => {
  brandingRoutes(app, options);
};

/** Whose brand a mail shows; null is the product's. */
export type Brands = {
  ofAccount: (accountId: string) => Promise<Brand | null>;
  /** Of the first account with a brand that a user has joined. */
  ofUser: (userId: string) => Promise<Brand | null>;
};

export function createBrands(database: Database, entitlements: Pick<FeatureSource, 'get'>): Brands {
  const ofAccount = (accountId: string) => findBrand(database, entitlements, accountId);
  return {
    ofAccount,
    async ofUser(userId) {
      for (const accountId of await brandedAccountsOf(database, userId)) {
        const brand = await ofAccount(accountId);
        if (brand !== null) return brand;
      }
      return null;
    },
  };
}
