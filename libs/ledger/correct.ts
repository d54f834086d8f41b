/** Corrections of calls that were recorded at their bound, because their outcome was unknown. */
import type { Pool } from 'pg';
import { shardOf } from './shard.ts';
import type { SettleRequest } from './types.ts';

/** The meters and facts of the whole call, as it would have been settled. */
export type CorrectRequest = Omit<SettleRequest, 'close'>;

/**
 * - `corrected`: the call now counts with the given figures.
 * - `repeated`: it has been corrected before, or was not recorded at its bound; nothing changed.
 * - `unknown_call`: the account has no such call.
 */
export type CorrectOutcome = 'corrected' | 'repeated' | 'unknown_call';

/**
 * Adds the difference between a call's bound and its true figures as a usage row of its own, and moves `used` of every
 * window in which the call counted. Locks the account, so that of concurrent corrections one takes effect.
 */
export async function runCorrection(
  client: Pick<Pool, 'query'>,
  now: Date | null,
  { holdId, accountId, callIndex, meters, facts }: CorrectRequest,
): Promise<CorrectOutcome> {
  const { rows } = await client.query<{ outcome: CorrectOutcome }>(
    `SELECT ledger_correct($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) AS outcome`,
    [
      now,
      shardOf(accountId),
      accountId,
      holdId,
      callIndex,
      Object.keys(meters),
      Object.values(meters),
      facts.status,
      facts.errorCode,
      facts.usageSource,
      facts.inputTokens ?? null,
      facts.cacheReadTokens ?? null,
      facts.cacheWriteTokens ?? null,
      facts.outputTokens ?? null,
      facts.reasoningTokens ?? null,
      Object.keys(facts.otherUnits),
      Object.values(facts.otherUnits),
      facts.inputCostNanoUsd,
      facts.outputCostNanoUsd,
      facts.providerRequestId,
    ],
  );
  return (rows[0] as { outcome: CorrectOutcome }).outcome;
}

/** The index of the usage row that corrects a call. */
export const correctionIndex = (callIndex: number): number => -1 - callIndex;
