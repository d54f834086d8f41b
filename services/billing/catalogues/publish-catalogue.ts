import { recordAudit } from '#libs/audit/record-audit.ts';
import { type Actor, SYSTEM_ACTOR } from '#libs/contracts/audit-entry.ts';
import type { Tx } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { Migration, Rollout } from './domain/rollout.ts';
import { startRollout } from './rollout-store.ts';
import { activateVersion, findActiveVersionId, lockActiveVersion } from './store.ts';

export type Publication = {
  versionId: string;
  migration: Migration;
  by: Actor;
  reason: string | null;
};

/** Makes a version the active one and starts the rollout that moves existing subscriptions to it. */
export async function publishCatalogue(
  tx: Tx,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
  { versionId, migration, by, reason }: Publication,
): Promise<Rollout> {
  const now = clock.now();
  await lockActiveVersion(tx);
  const previousId = await findActiveVersionId(tx);
  await activateVersion(tx, versionId, now);
  const rollout = await startRollout(tx, {
    id: newId(),
    kind: 'catalogue',
    subject: versionId,
    migration,
    author: by.actor,
    createdAt: now,
  });
  await recordAudit(tx, {
    id: newId(),
    at: now,
    by,
    action: 'catalogue.published',
    subject: `catalogue:${versionId}`,
    accountId: null,
    before: previousId === undefined ? null : { version_id: previousId },
    after: { version_id: versionId, migration },
    reason,
  });
  await notify(tx, { kind: 'catalogue', id: versionId });
  return rollout;
}

/**
 * Makes a version the active one if no version is active yet, as at the first start of an installation.
 *
 * @returns the id of the active version.
 */
export async function ensureActiveVersion(
  tx: Tx,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
  versionId: string,
): Promise<string> {
  await lockActiveVersion(tx);
  const activeId = await findActiveVersionId(tx);
  if (activeId !== undefined) return activeId;
  const now = clock.now();
  await activateVersion(tx, versionId, now);
  await recordAudit(tx, {
    id: newId(),
    at: now,
    by: SYSTEM_ACTOR,
    action: 'catalogue.activated',
    subject: `catalogue:${versionId}`,
    accountId: null,
    before: null,
    after: { version_id: versionId },
    reason: 'no version was active',
  });
  await notify(tx, { kind: 'catalogue', id: versionId });
  return versionId;
}
