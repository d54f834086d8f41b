/** Rollouts: passes over the accounts that bring each in line with a change that affects many. */
import type { CatalogueMigrationWire, MIGRATIONS } from '#libs/contracts/catalogues.ts';
import type { RolloutWire } from '#libs/contracts/rollouts.ts';
import type { rollouts } from '#libs/db/schema/billing.ts';

/** What happens to existing subscriptions when a catalogue version is published. */
export type Migration = (typeof MIGRATIONS)[number];

/** The name of the task that runs a rollout. */
export const RUN_ROLLOUT = 'run-rollout';

export type Rollout = typeof rollouts.$inferSelect;

export function presentRollout(rollout: Rollout): RolloutWire {
  return {
    id: rollout.id,
    state: rollout.state,
    accounts_total: rollout.accountsTotal,
    accounts_done: rollout.accountsDone,
    accounts_failed: rollout.accountsFailed,
    author: rollout.author,
    created_at: rollout.createdAt.toISOString(),
    updated_at: rollout.updatedAt.toISOString(),
    finished_at: rollout.finishedAt?.toISOString() ?? null,
  };
}

/** Undefined for the rollout of a guard rail. */
export function presentMigration(rollout: Rollout): CatalogueMigrationWire | undefined {
  const { kind, subject, migration } = rollout;
  if (kind !== 'catalogue' || migration === null) return undefined;
  return { ...presentRollout(rollout), version_id: subject, migration };
}
