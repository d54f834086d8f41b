/**
 * Things that a limit counts because they exist, not because a provider was called: connections, files, seats. They are
 * booked in the transaction that makes or unmakes them, so that the books and the things cannot disagree.
 */

import type { LedgerConnection } from './ledger.ts';
import { shardOf } from './shard.ts';
import { NO_FACTS, runSettles } from './statements.ts';
import type { CallFacts, HoldRequest, SettleAnswer, SettleRequest } from './types.ts';

/** The caller for whom a resource is counted; the same for its allocation and its release. */
export type Owner = Pick<HoldRequest, 'accountId' | 'userId' | 'keyId' | 'workspaceId'>;

/** Stands where a usage row names the provider, for what no provider was called for. */
export const NO_PROVIDER = 'inkmeter';

export type CountRecord = {
  /** Names the row in the books. */
  id: string;
  owner: Owner;
  meter: string;
  amount: bigint;
  step: string;
  /** The decision that is taken back, where its windows are meant and not the current ones. */
  under?: string;
};

/** The facts of counting, which costs nothing. */
export function countingFacts(meter: string, step: string): CallFacts {
  return { ...NO_FACTS, step, provider: NO_PROVIDER, model: meter, usageSource: 'counted' };
}

/** `Ledger.settle` on a connection of the caller's, so that it commits with what it counts. */
export async function settleWithin(
  tx: LedgerConnection,
  now: Date | null,
  request: SettleRequest,
): Promise<SettleAnswer> {
  const [answer] = await runSettles(tx.$client, now, [request], null);
  return answer as SettleAnswer;
}

/**
 * Records an amount without checking limits and stops: the release of a resource (negative), or an allocation that cannot
 * be refused, such as the owner of a new account. Runs in the transaction of its cause, so it is never recorded twice.
 */
export async function recordWithin(
  tx: LedgerConnection,
  now: Date | null,
  record: CountRecord,
): Promise<void> {
  const { id, owner, meter, amount, step, under = null } = record;
  const { accountId, userId, keyId, workspaceId } = owner;
  await tx.$client.query('SELECT ledger_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
    now,
    shardOf(accountId),
    accountId,
    id,
    userId,
    keyId,
    workspaceId,
    meter,
    amount.toString(),
    NO_PROVIDER,
    step,
    under,
  ]);
}
