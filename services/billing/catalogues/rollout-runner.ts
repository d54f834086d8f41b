/** Brings accounts in line with what changed for many of them: wires stores to `domain/rollouts.ts`. */
import type { Pool, PoolClient } from 'pg';
import type { Runtime } from '#libs/service/runtime.ts';
import type { Subscription } from '../subscriptions/domain.ts';
import { createSubscriptionStore } from '../subscriptions/store.ts';
import { movedAtPeriodEnd, movedNow } from './domain.ts';
import { createRolloutStore } from './rollout-store.ts';
import { type Rollout, type RolloutPorts, runRollout } from './rollouts.ts';
import { type CatalogueStore, createCatalogueStore } from './store.ts';

export type RolloutRunnerOptions = {
  pool: Pool;
  runtime: Pick<Runtime, 'clock'>;
  onFailure: RolloutPorts['onFailure'];
};

/** Runs every rollout that nobody works on, one after the other, until there is none left or the signal aborts. */
export function createRolloutRunner({ pool, runtime, onFailure }: RolloutRunnerOptions) {
  const { now } = runtime.clock;
  const rollouts = createRolloutStore(pool);
  const catalogues = createCatalogueStore(pool);
  const { applySubscription } = createSubscriptionStore(pool, catalogues);

  const ports: RolloutPorts = {
    nextAccounts: rollouts.nextAccounts,
    async apply(rollout, accountId) {
      await applySubscription({
        accountId,
        now: now(),
        decide: (current, client) => decide(rollout, existing(current, accountId), catalogues, client),
        // Emergency limits are not of the subscription, so it stays as it is and its limits are computed anew.
        ...(rollout.kind === 'guard_rail' && { inTransaction: async () => {} }),
      });
    },
    advance: (id, step) => rollouts.advance(id, now(), step),
    finish: (id) => rollouts.finish(id, now()),
    release: (id) => rollouts.release(id, now()),
    onFailure,
  };

  return async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const rollout = await rollouts.claim(now());
      if (rollout === undefined) return;
      await runRollout(rollout, ports, signal);
    }
  };
}

async function decide(
  { kind, subject, migration }: Rollout,
  current: Subscription,
  catalogues: Pick<CatalogueStore, 'active' | 'version'>,
  client: PoolClient,
): Promise<Subscription> {
  if (kind === 'guard_rail') return current;
  const target = await catalogues.active(client);
  // Another version may have been put on offer since this account was picked: then it is for that one's rollout.
  if (target?.id !== subject) return current;
  const versionOf = (id: string) => catalogues.version(id, client);
  return migration === 'now'
    ? movedNow(current, target, versionOf)
    : movedAtPeriodEnd(current, target, versionOf);
}

function existing(current: Subscription | undefined, accountId: string): Subscription {
  if (current === undefined) throw new Error(`the account ${accountId} has no subscription any more`);
  return current;
}
