import { recordAudit } from '#libs/audit/record-audit.ts';
import type { AuditEntry } from '#libs/contracts/audit-entry.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import type { Rollout } from '../../catalogues/domain/rollout.ts';
import { startRollout } from '../../catalogues/plugin.ts';
import { applyLimits, lockSubscription, type SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { lockCommonTerms } from '../store.ts';
import { type GuardRailRow, type GuardRailTarget, guardRailState, targetName } from './domain.ts';
import { deleteGuardRail, findGuardRail, saveGuardRail } from './store.ts';

export type GuardRailChange = {
  target: GuardRailTarget;
  /** The new setting; undefined withdraws the current one. */
  setting: GuardRailRow | undefined;
} & Pick<AuditEntry, 'at' | 'by' | 'reason'>;

/**
 * Changes a guard rail. The setting of one account is in force when this resolves. One of a plan or of all accounts
 * starts a rollout.
 *
 * @returns the rollout, or null.
 * @throws ProblemError `not_found` for an unknown account.
 */
export function changeGuardRail(deps: SubscriptionDeps, change: GuardRailChange): Promise<Rollout | null> {
  const { target } = change;
  return transaction(deps.database, (tx) =>
    target.kind === 'account'
      ? changeForAccount(tx, deps, target.accountId, change)
      : changeForMany(tx, deps, change),
  );
}

async function changeForAccount(
  tx: Tx,
  deps: SubscriptionDeps,
  accountId: string,
  change: GuardRailChange,
): Promise<null> {
  const subscription = await lockSubscription(tx, deps, accountId);
  await writeSetting(tx, deps.runtime.newId(), accountId, change);
  await applyLimits(tx, deps, subscription, deps.runtime.clock.now());
  return null;
}

async function changeForMany(
  tx: Tx,
  { runtime }: SubscriptionDeps,
  change: GuardRailChange,
): Promise<Rollout> {
  await lockCommonTerms(tx);
  await writeSetting(tx, runtime.newId(), null, change);
  return startRollout(tx, {
    id: runtime.newId(),
    kind: 'guard_rail',
    subject: targetName(change.target),
    migration: null,
    author: change.by.actor,
    createdAt: change.at,
  });
}

async function writeSetting(
  tx: Tx,
  auditId: string,
  accountId: string | null,
  { target, setting, at, by, reason }: GuardRailChange,
): Promise<void> {
  const before = await findGuardRail(tx, target);
  if (setting === undefined) await deleteGuardRail(tx, target);
  else await saveGuardRail(tx, setting);
  await recordAudit(tx, {
    id: auditId,
    at,
    by,
    action: setting === undefined ? 'guard_rail.withdrawn' : 'guard_rail.set',
    subject: `guard_rail:${targetName(target)}`,
    accountId,
    before: guardRailState(before),
    after: guardRailState(setting),
    reason,
  });
}
