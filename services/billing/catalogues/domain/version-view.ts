/** Catalogue versions as staff see them. */
import { describeChanges, diffCatalogues } from '#libs/catalogue/diff.ts';
import type { CatalogueVersionWire } from '#libs/contracts/catalogues.ts';
import type { CatalogueVersion } from '../../subscriptions/domain/subscription.ts';

export type CatalogueVersionSummary = {
  id: string;
  catalogueId: string;
  version: number;
  author: string;
  createdAt: Date;
  updatedAt: Date;
  active: boolean;
  /** How many subscriptions are pinned to it. */
  subscriptions: number;
};

export function presentVersion({
  id,
  catalogueId,
  createdAt,
  updatedAt,
  ...version
}: CatalogueVersionSummary): CatalogueVersionWire {
  return {
    version_id: id,
    catalogue_id: catalogueId,
    ...version,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

/** The changes that publishing a version would make to the active one, one line each. */
export function changesOf(active: CatalogueVersion | undefined, { catalogue }: CatalogueVersion): string[] {
  return active === undefined ? [] : describeChanges(diffCatalogues(active.catalogue, catalogue));
}
