/** Catalogue versions as staff see them. */
import { describeChanges, diffCatalogues } from '#libs/catalogue/diff.ts';
import type { CatalogueMigrationWire, CatalogueVersionWire } from '#libs/contracts/catalogues.ts';
import type { CatalogueVersion } from '../subscriptions/domain.ts';
import { presentRollout, type Rollout } from './rollouts.ts';

export type SummarisedVersion = {
  id: string;
  catalogueId: string;
  version: number;
  author: string;
  createdAt: Date;
  active: boolean;
  subscriptions: number;
};

export function presentVersion({
  id,
  catalogueId,
  createdAt,
  ...version
}: SummarisedVersion): CatalogueVersionWire {
  return {
    version_id: id,
    catalogue_id: catalogueId,
    ...version,
    created_at: createdAt.toISOString(),
  };
}

/** What putting a version on offer would change, one line each. */
export function changesOf(active: CatalogueVersion | undefined, { catalogue }: CatalogueVersion): string[] {
  return active === undefined ? [] : describeChanges(diffCatalogues(active.catalogue, catalogue));
}

export function presentMigration(rollout: Rollout): CatalogueMigrationWire | undefined {
  const { kind, subject, migration } = rollout;
  if (kind !== 'catalogue' || migration === null) return undefined;
  return { ...presentRollout(rollout), version_id: subject, migration };
}
