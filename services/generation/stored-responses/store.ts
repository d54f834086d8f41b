/** Stored responses. A row without a response means that a process is working on the request. */
import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import type { StoredResponse } from '#libs/contracts/stored-response.ts';
import type { Queryable } from '#libs/db/database.ts';
import { generationResults } from '#libs/db/schema/generation.ts';
import { ledgerHolds } from '#libs/db/schema/ledger.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import type { CompleteResponse, StoredResponseStore } from './domain.ts';

// The database's clock decides about leases, because the clocks of processes differ.
const now = sql`now()`;
/** Three missed renewals. */
const leaseEnd = sql`now() + interval '15 seconds'`;
/** One hour longer than the gateway remembers an idempotency key. */
const expiredBefore = sql`now() - interval '25 hours'`;

/** @returns false if the request is known already. */
export async function beginStoredResponse(
  db: Queryable,
  requestId: string,
  accountId: string,
): Promise<boolean> {
  const { rowCount } = await db
    .insert(generationResults)
    .values({ requestId, accountId, state: 'running', leaseUntil: leaseEnd, createdAt: now })
    .onConflictDoNothing();
  return rowCount === 1;
}

export async function finishStoredResponse(
  db: Queryable,
  requestId: string,
  { status, headers, body }: CompleteResponse,
): Promise<void> {
  await db
    .update(generationResults)
    .set({ state: 'done', status, headers, body })
    .where(eq(generationResults.requestId, requestId));
}

/** Deletes the row unless the response is complete, so that the request can be run again. */
export async function abandonStoredResponse(db: Queryable, requestId: string): Promise<void> {
  await db
    .delete(generationResults)
    .where(and(eq(generationResults.requestId, requestId), eq(generationResults.state, 'running')));
}

export async function renewLeases(db: Queryable, requestIds: readonly string[]): Promise<void> {
  if (requestIds.length === 0) return;
  await db
    .update(generationResults)
    .set({ leaseUntil: leaseEnd })
    .where(inArray(generationResults.requestId, [...requestIds]));
}

/**
 * `unknown` if the account has no such request, or the process that ran it is gone. A response is stored before its last
 * call is settled, and is `done` only when every call of its hold is settled: unpaid output is never delivered.
 */
export async function findStoredResponse(
  db: Queryable,
  requestId: string,
  accountId: string,
): Promise<StoredResponse> {
  const calls = sql`coalesce(jsonb_array_length(${ledgerHolds.detail}::jsonb -> 'calls'), 1)`;
  const [row] = await db
    .select({
      state: generationResults.state,
      status: generationResults.status,
      headers: generationResults.headers,
      body: generationResults.body,
      isLeased: sql<boolean>`${generationResults.leaseUntil} > now()`,
      isSettled: sql<boolean | null>`cardinality(${ledgerHolds.settledCalls}) >= ${calls}`,
    })
    .from(generationResults)
    .leftJoin(
      ledgerHolds,
      and(eq(ledgerHolds.shard, shardOf(accountId)), eq(ledgerHolds.id, generationResults.requestId)),
    )
    .where(and(eq(generationResults.requestId, requestId), eq(generationResults.accountId, accountId)));
  if (row?.state === 'running' || row?.isSettled === false) {
    return { state: row.isLeased ? 'running' : 'unknown' };
  }
  if (row?.status == null || row.headers === null || row.body === null) return { state: 'unknown' };
  const { status, headers, body } = row;
  return { state: 'done', status, headers, body_base64: body.toString('base64') };
}

/** Deletes responses that can no longer be requested. @returns how many. */
export async function purgeStoredResponses(db: Queryable): Promise<number> {
  const { rowCount } = await db
    .delete(generationResults)
    .where(lt(generationResults.createdAt, expiredBefore));
  return rowCount ?? 0;
}

/** The store that {@link createStoredResponses} takes. */
export function storedResponseStore(db: Queryable): StoredResponseStore {
  return {
    begin: (requestId, accountId) => beginStoredResponse(db, requestId, accountId),
    finish: (requestId, response) => finishStoredResponse(db, requestId, response),
    abandon: (requestId) => abandonStoredResponse(db, requestId),
    renewLeases: (requestIds) => renewLeases(db, requestIds),
  };
}
