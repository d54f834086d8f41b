import { drizzle } from 'drizzle-orm/node-postgres';
import type { Pool } from 'pg';
import type { Actor } from '#libs/audit/entry.ts';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { notify } from '#libs/db/notify.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { lockCommonTerms } from '../adjustments/store.ts';
import { startRollout } from './rollout-store.ts';
import type { Migration, Rollout } from './rollouts.ts';
import { activateVersion, createCatalogueStore } from './store.ts';

export type Publication = {
  versionId: string;
  migration: Migration;
  by: Actor;
  reason: string | null;
};

/**
 * Puts a version on offer, says so to all services, and begins to move the subscriptions that exist. The moving itself
 * is for {@link createRolloutRunner}.
 */
export function publishCatalogue(
  pool: Pool,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
  { versionId, migration, by, reason }: Publication,
): Promise<Rollout> {
  const now = clock.now();
  return transaction(pool, async (client) => {
    await lockCommonTerms(client);
    const before = await createCatalogueStore(client).active();
    await activateVersion(client, versionId);
    const rollout = await startRollout(client, {
      id: newId(),
      kind: 'catalogue',
      subject: versionId,
      migration,
      author: by.actor,
      createdAt: now,
    });
    await recordAudit(drizzle(client), {
      id: newId(),
      at: now,
      by,
      action: 'catalogue.published',
      subject: `catalogue:${versionId}`,
      accountId: null,
      before: before === undefined ? null : { version_id: before.id },
      after: { version_id: versionId, migration },
      reason,
    });
    await notify(client, { kind: 'catalogue', id: versionId });
    return rollout;
  });
}
