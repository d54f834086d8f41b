import { DrizzleQueryError } from 'drizzle-orm';
import pg from 'pg';
import { createGroupCommit, type GroupCommit } from '#libs/ledger/group-commit.ts';

/** Many times the deliveries that a process makes at the same time. */
const MAX_WAITING = 10_000;
const MAX_BATCH = 128;

/**
 * Runs one statement for all deliveries that come to it while the one before is under way.
 *
 * @param run answers in the order of the items. @param key Items with equal keys never share a statement.
 */
export function createBatches<Item, Answer>(
  run: (items: Item[]) => Promise<Answer[]>,
  key: (item: Item) => string,
): GroupCommit<Item, Answer> {
  return createGroupCommit({ run, key, isItemsFault, maxBatch: MAX_BATCH, maxWaiting: MAX_WAITING });
}

/** Whether the database refused the statement: alone, another delivery may succeed. */
function isItemsFault(error: unknown): boolean {
  return error instanceof DrizzleQueryError && error.cause instanceof pg.DatabaseError;
}
