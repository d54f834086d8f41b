/** Brings one account after the other in line with a published catalogue or a changed guard rail. */
import { drizzle } from 'drizzle-orm/node-postgres';
import type { PoolClient } from 'pg';
import type { Database } from '#libs/db/database.ts';
import type { JobContext } from '#libs/jobs/task.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { Subscription } from '../subscriptions/domain.ts';
import type { SubscriptionStore } from '../subscriptions/store.ts';
import type { Rollout } from './domain/rollout.ts';
import { movedAtPeriodEnd, movedNow } from './domain.ts';
import { advanceRollout, findRollout, listNextAccounts } from './rollout-store.ts';
import type { CatalogueVersions } from './versions.ts';

export type RolloutDependencies = {
  database: Database;
  clock: Clock;
  versions: CatalogueVersions;
  applySubscription: SubscriptionStore['applySubscription'];
};

const BATCH_SIZE = 100;
/** Each account in progress takes a connection, and requests need some too. */
const CONCURRENCY = 3;

/**
 * Continues a rollout after its last account until every account is done or another rollout supersedes it. Progress is
 * recorded after each batch.
 *
 * @throws the reason of `signal` when it aborts; the next run continues from there.
 */
export async function runRollout(
  dependencies: RolloutDependencies,
  rolloutId: string,
  { signal, logger }: JobContext,
): Promise<void> {
  const { database, clock } = dependencies;
  let current = await findRollout(database, rolloutId);
  while (current?.state === 'running') {
    signal.throwIfAborted();
    const accountIds = await listNextAccounts(database, current, BATCH_SIZE);
    const failed = await applyBatch(dependencies, current, accountIds, logger);
    current = await advanceRollout(database, current.id, clock.now(), {
      done: accountIds.length - failed,
      failed,
      lastAccountId: accountIds.at(-1) ?? current.lastAccountId,
      isLast: accountIds.length < BATCH_SIZE,
    });
  }
}

/** An account that fails keeps its terms and does not stop the others. @returns how many failed. */
async function applyBatch(
  dependencies: RolloutDependencies,
  rollout: Rollout,
  accountIds: readonly string[],
  logger: Logger,
): Promise<number> {
  let failed = 0;
  const waiting = accountIds.values();
  const work = async () => {
    for (const accountId of waiting) {
      try {
        await applyToAccount(dependencies, rollout, accountId);
      } catch (error) {
        failed += 1;
        logger.error({ err: error, rollout: rollout.id, account: accountId }, 'account not moved by rollout');
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return failed;
}

async function applyToAccount(
  { clock, versions, applySubscription }: RolloutDependencies,
  rollout: Rollout,
  accountId: string,
): Promise<void> {
  await applySubscription({
    accountId,
    now: clock.now(),
    decide: (current, client) => move(rollout, existing(current, accountId), versions, client),
    // A guard rail is not part of the subscription, so only the limits are computed again.
    ...(rollout.kind === 'guard_rail' && { inTransaction: async () => {} }),
  });
}

async function move(
  { kind, subject, migration }: Rollout,
  current: Subscription,
  versions: CatalogueVersions,
  client: PoolClient,
): Promise<Subscription> {
  if (kind === 'guard_rail') return current;
  const tx = drizzle(client);
  const target = await versions.active(tx);
  // Another version has been published meanwhile; its own rollout moves the account.
  if (target?.id !== subject) return current;
  const versionOf = (id: string) => versions.version(tx, id);
  return migration === 'now'
    ? movedNow(current, target, versionOf)
    : movedAtPeriodEnd(current, target, versionOf);
}

function existing(current: Subscription | undefined, accountId: string): Subscription {
  if (current === undefined) throw new Error(`The account ${accountId} no longer has a subscription.`);
  return current;
}
