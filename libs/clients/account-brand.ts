import { eq } from 'drizzle-orm';
import { type Brand, WHITE_LABEL } from '#libs/contracts/branding.ts';
import type { Queryable } from '#libs/db/database.ts';
import { brandings } from '#libs/db/schema/gateway.ts';
import { type FeatureSource, hasFeature } from './require-feature.ts';

/** The brand to show for an account; null for the product's: it has set none, or its plan does not include one. */
export async function findBrand(
  db: Queryable,
  entitlements: Pick<FeatureSource, 'get'>,
  accountId: string,
): Promise<Brand | null> {
  const [row] = await db.select().from(brandings).where(eq(brandings.accountId, accountId));
  if (row === undefined || !(await hasFeature(entitlements, accountId, WHITE_LABEL))) return null;
  const { productName, logoUrl, primaryColour, supportEmail, websiteUrl } = row;
  return { productName, logoUrl, primaryColour, supportEmail, websiteUrl };
}
