/**
 * Limits the streams that an owner has open at the same time, over all processes. Each open stream holds a lease in the
 * database. Its process renews the leases of all its streams with one statement, and those of a process that was killed
 * expire.
 */
import { and, count, eq, gt, inArray, lte, sql } from 'drizzle-orm';
import { type Database, transaction } from '#libs/db/database.ts';
import { openStreams } from '#libs/db/schema/streams.ts';
import type { Logger } from './logger.ts';
import { createPeriodicJob, type PeriodicJob } from './periodic-job.ts';
import type { Runtime } from './runtime.ts';

export type StreamSlots = {
  /**
   * Takes one of an owner's `max` slots. Without an answer of the database the stream is admitted uncounted: a stream that
   * costs money needs a hold, too.
   *
   * @param owner of a kind and an id, for example `usage <account id>`.
   * @returns releases the slot, any number of times; undefined if all slots are taken.
   */
  readonly take: (owner: string, max: number) => Promise<(() => void) | undefined>;
  /** Renews the leases. A service starts it with its other jobs. */
  readonly job: PeriodicJob;
};

/** Slots of a killed process are free again after this time. */
const LEASE_MS = 30_000;
const RENEWAL_INTERVAL_MS = 10_000;

const leaseEnd = sql<Date>`statement_timestamp() + ${LEASE_MS} * interval '1 millisecond'`;

export function createStreamSlots(options: {
  database: Database;
  runtime: Pick<Runtime, 'newId'>;
  logger: Logger;
}): StreamSlots {
  const { database, runtime, logger } = options;
  /** The leases of this process. */
  const held = new Set<string>();

  function release(id: string): void {
    if (!held.delete(id)) return;
    // A lease that cannot be deleted is not renewed either.
    database
      .delete(openStreams)
      .where(eq(openStreams.id, id))
      .catch((error: unknown) => logger.warn({ err: error }, 'stream slot not released'));
  }

  return {
    async take(owner, max) {
      const id = runtime.newId();
      // Before the lease exists, so that it is renewed from the first moment.
      held.add(id);
      const isTaken = await takeLease(database, { id, owner, max }).catch((error: unknown) => {
        logger.warn({ err: error }, 'stream not counted');
        return true;
      });
      if (isTaken) return () => release(id);
      held.delete(id);
      return undefined;
    },
    job: createPeriodicJob({
      name: 'renew-stream-slots',
      intervalMs: RENEWAL_INTERVAL_MS,
      logger,
      run: () => renewLeases(database, [...held]),
    }),
  };
}

async function takeLease(
  database: Database,
  { id, owner, max }: { id: string; owner: string; max: number },
): Promise<boolean> {
  return transaction(database, async (tx) => {
    // An advisory lock, which Drizzle cannot express. The count must see what the previous holder of the lock has written.
    await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`open-streams ${owner}`}, 0))`);
    const [open] = await tx
      .select({ streams: count() })
      .from(openStreams)
      .where(and(eq(openStreams.owner, owner), gt(openStreams.expiresAt, sql`statement_timestamp()`)));
    if ((open?.streams ?? 0) >= max) return false;
    await tx.insert(openStreams).values({ id, owner, expiresAt: leaseEnd });
    return true;
  });
}

async function renewLeases(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await database
    .update(openStreams)
    .set({ expiresAt: leaseEnd })
    .where(inArray(openStreams.id, [...ids]));
}

/** Deletes the leases of processes that were killed. @returns how many. */
export async function deleteExpiredStreamSlots(database: Database): Promise<number> {
  const { rowCount } = await database
    .delete(openStreams)
    .where(lte(openStreams.expiresAt, sql`statement_timestamp()`));
  return rowCount ?? 0;
}
