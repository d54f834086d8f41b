/** Brings one account after the other in line with a published catalogue or a changed guard rail. */
import type { Database } from '#libs/db/database.ts';
import type { JobContext } from '#libs/jobs/task.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { CatalogueMove } from '../subscriptions/domain/decide-catalogue-move.ts';
import type { Rollout } from './domain/rollout.ts';
import { advanceRollout, findRollout, listNextAccounts } from './rollout-store.ts';

export type RolloutDependencies = {
  database: Database;
  clock: Clock;
  recomputeLimits: (accountId: string) => Promise<void>;
  moveToCatalogue: (accountId: string, move: CatalogueMove) => Promise<void>;
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
  { recomputeLimits, moveToCatalogue }: RolloutDependencies,
  { kind, subject, migration }: Rollout,
  accountId: string,
): Promise<void> {
  // A guard rail is not part of the subscription, so only the limits are computed again.
  if (kind === 'guard_rail') return recomputeLimits(accountId);
  if (migration === 'now' || migration === 'period_end') {
    await moveToCatalogue(accountId, { versionId: subject, migration });
  }
}
