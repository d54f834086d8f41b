/**
 * Resources that a limit counts because they exist, not because a provider was called: connections, files, seats. They are
 * counted in the transaction that creates or deletes them, so that count and resources cannot disagree.
 */
import type { LedgerConnection } from './ledger.ts';
import { runWithin } from './load.ts';
import { recordProgram } from './record.ts';
import { settleProgram } from './settle.ts';
import type { CallFacts, HoldRequest, SettleAnswer, SettleRequest } from './types.ts';

/** The caller for whom a resource is counted; the same for its allocation and its release. */
export type Owner = Pick<HoldRequest, 'accountId' | 'userId' | 'keyId' | 'workspaceId'>;

/** Stands where a usage row names the provider, for what no provider was called for. */
export const NO_PROVIDER = 'inkmeter';

export type CountRecord = {
  /** The id of the usage row. */
  id: string;
  owner: Owner;
  meter: string;
  amount: bigint;
  step: string;
  /** The decision in whose windows it counts, instead of the current ones. */
  under?: string;
};

/** The facts of counting, which costs nothing. */
export function countingFacts(meter: string, step: string): CallFacts {
  return {
    ...{
      step,
      provider: NO_PROVIDER,
      model: meter,
      endpoint: '',
      status: 'ok',
      errorCode: null,
      usageSource: 'counted',
    },
    ...{
      inputTokens: undefined,
      cacheReadTokens: undefined,
      cacheWriteTokens: undefined,
      outputTokens: undefined,
    },
    ...{
      reasoningTokens: undefined,
      otherUnits: {},
      inputCostNanoUsd: 0n,
      outputCostNanoUsd: 0n,
      priceVersion: '',
    },
    ...{
      latencyMs: 0,
      firstByteMs: null,
      attempts: 0,
      requestBytes: 0,
      responseBytes: 0,
      providerRequestId: null,
    },
  };
}

/** `Ledger.settle` on a connection of the caller's, so that it commits with what it counts. */
export async function settleWithin(
  tx: LedgerConnection,
  now: Date | null,
  request: SettleRequest,
): Promise<SettleAnswer> {
  const session = { now, maxWaitMs: null };
  const [answer] = await runWithin(tx.$client, settleProgram(session, [request]));
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
  const request = { ...owner, id, meters: { [meter]: amount }, facts: countingFacts(meter, step), under };
  await runWithin(tx.$client, recordProgram({ now, maxWaitMs: null }, request));
}
