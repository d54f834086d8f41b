import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { CallFacts, SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import { settledMeters } from '#libs/pipelines/meters.ts';
import { problem } from '#libs/problems/problems.ts';
import type { CallRecord } from './call-record.ts';
import { type FlagOptions, flagCall } from './flag-call.ts';
import type { Outcome } from './measure.ts';
import { factsOf, type PricedCall } from './price-call.ts';

export type SettlementOptions = FlagOptions & {
  ledger: Pick<Ledger, 'settle' | 'close'>;
  /** Waits between attempts to reach the ledger. */
  sleep: (ms: number) => Promise<void>;
};

/** Settles the calls of one hold, and closes it. */
export type Settlement = {
  /**
   * Settles one call. Settling is idempotent and is retried while the database is down, so that a restart does not lose
   * paid usage.
   * @param isLast also releases the rest of the hold, in the same transaction.
   * @throws ProblemError `metering_unavailable` if the call could not be settled; its result must not be sent.
   */
  readonly settle: (entry: SettleEntry, isLast: boolean) => Promise<SettleAnswer>;
  /** Releases the rest of the hold once. Never throws: a hold that cannot be closed expires. */
  readonly close: () => Promise<void>;
};

export type SettleEntry = { call: PlannedCall; record: CallRecord; outcome: Outcome; priced: PricedCall };

/**
 * About 15 seconds in total: longer than a database restart, shorter than clients wait. At most one second apart, so that
 * an unstable database is reached while it is up.
 */
const RETRY_DELAYS_MS = [25, 50, 100, 200, 400, 700, ...new Array<number>(14).fill(1_000)];

/** The range of the columns of a usage row. */
const MAX_STORED_TOKENS = 2_147_483_647;

const TOKEN_COLUMNS = [
  'inputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
] as const satisfies (keyof CallFacts)[];

export function createSettlement(
  { ledger, metrics, logger, sleep, reportOverrun }: SettlementOptions,
  hold: { holdId: string; accountId: string },
): Settlement {
  let isClosed = false;

  async function settleWithRetry(request: SettleRequest): Promise<SettleAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await ledger.settle(request);
      } catch (error) {
        const delayMs = RETRY_DELAYS_MS[attempt];
        if (delayMs === undefined) throw error;
        await sleep(delayMs);
      }
    }
  }

  /** Cost and meters keep the whole usage. */
  function storableFacts(facts: CallFacts): CallFacts {
    const storable = { ...facts };
    for (const column of TOKEN_COLUMNS) {
      const tokens = facts[column];
      if (tokens === undefined || tokens <= MAX_STORED_TOKENS) continue;
      storable[column] = MAX_STORED_TOKENS;
      logger.error({ hold: hold.holdId, column, tokens }, 'token count exceeded its column');
    }
    return storable;
  }

  return {
    async settle(entry, isLast) {
      const { call, record, outcome, priced } = entry;
      const { status } = outcome;
      const { units, cost } = priced;
      const startedAt = performance.now();
      const request: SettleRequest = {
        ...hold,
        callIndex: call.index,
        meters: settledMeters(call, { status, units, costNanoUsd: cost.totalNanoUsd }),
        facts: storableFacts(factsOf(call, record, outcome, priced)),
        close: isLast,
      };
      try {
        const answer = await settleWithRetry(request);
        if (answer.outcome === 'unknown_hold') throw new Error('The hold does not exist.');
        if (isLast) isClosed = true;
        const metric = answer.outcome === 'repeated' ? 'replayed' : 'settled';
        metrics.recordSettle(metric, performance.now() - startedAt);
        await flagCall({ metrics, logger, reportOverrun }, hold, entry, answer);
        return answer;
      } catch (error) {
        metrics.recordSettle('failed', performance.now() - startedAt);
        // The hold must expire rather than close: a closed hold would look settled.
        isClosed = true;
        // The log is now the only record of these figures.
        const { meters, callIndex } = request;
        const amounts = Object.fromEntries(Object.entries(meters).map(([name, n]) => [name, n.toString()]));
        logger.error({ err: error, hold: hold.holdId, call: callIndex, amounts }, 'settlement failed');
        throw problem('metering_unavailable', { cause: error, headers: { 'retry-after': '5' } });
      }
    },

    async close() {
      if (isClosed) return;
      isClosed = true;
      await ledger.close(hold).catch((error: unknown) => {
        logger.warn({ err: error, hold: hold.holdId }, 'closing a hold failed');
      });
    },
  };
}
