import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { CallFacts, SettleRequest } from '#libs/ledger/types.ts';
import { settledMeters } from '#libs/pipelines/meters.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { SettleOutcome } from '#libs/service/metrics.ts';
import type { Spool, SpoolEntry } from '../../spool/domain.ts';
import type { CallRecord } from './call-record.ts';
import { type FlagOptions, flagCall } from './flag-call.ts';
import type { Outcome } from './measure.ts';
import { factsOf, type PricedCall } from './price-call.ts';
import { type SettledOrCorrected, settleOrCorrect } from './settle-or-correct.ts';

export type SettlementOptions = FlagOptions & {
  ledger: Pick<Ledger, 'settle' | 'close' | 'correct'>;
  /** Receives settlements that cannot reach the database. */
  spool: Spool;
  /** Waits between attempts to reach the ledger. */
  sleep: (ms: number) => Promise<void>;
};

/** `spooled`: the settlement is durable on disk, and is replayed when the database can be reached. */
export type SettlementResult = Omit<SettledOrCorrected, 'outcome'> & {
  outcome: SettledOrCorrected['outcome'] | 'spooled';
};

/** Settles the calls of one hold, and closes it. */
export type Settlement = {
  /**
   * Settles one call. Settling is idempotent. It is retried for a few seconds while the database cannot be reached, and
   * ends before the hold expires; then the settlement is spooled.
   * @param isLast also releases the rest of the hold, in the same transaction, after the other calls have been settled: what
   * they used must stay held until then.
   * @throws ProblemError `metering_unavailable` if the call was not settled, or if it was spooled and is not the last: its
   * result must not be sent, and no further call must start.
   */
  readonly settle: (entry: SettleEntry, isLast: boolean) => Promise<SettlementResult>;
  /** Releases the rest of the hold once. Never throws: a hold that cannot be closed expires. */
  readonly close: () => Promise<void>;
};

export type SettledHold = {
  holdId: string;
  accountId: string;
  /** When it expires, on the clock of `performance.now()`. */
  expiresAtMs: number;
  /** How long a settlement is retried; 5 s unless given. */
  maxRetryMs?: number;
};

export type SettleEntry = { call: PlannedCall; record: CallRecord; outcome: Outcome; priced: PricedCall };

/** Longer than a database restart. The end of a client's answer waits this long at most. */
const MAX_RETRY_MS = 5_000;
const RETRY_DELAYS_MS = [25, 50, 100, 200, 400, 700, 1_000, 1_000];
const LONGEST_DELAY_MS = 1_000;
/** The first attempt has this long, also if the hold is about to expire. */
const MIN_ATTEMPT_MS = 1_000;
/** Time to write to the spool before the hold expires. */
const SPOOL_MARGIN_MS = 1_000;

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
  { ledger, spool, metrics, logger, sleep, reportOverrun }: SettlementOptions,
  { expiresAtMs, maxRetryMs = MAX_RETRY_MS, ...hold }: SettledHold,
): Settlement {
  let isClosed = false;
  let hasSpooled = false;
  let hasFailed = false;
  const underWay = new Set<Promise<unknown>>();

  async function settleWithRetry(request: SettleRequest): Promise<SettledOrCorrected> {
    const leftMs = Math.min(maxRetryMs, expiresAtMs - SPOOL_MARGIN_MS - performance.now());
    const endsAtMs = performance.now() + Math.max(leftMs, MIN_ATTEMPT_MS);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await within(endsAtMs - performance.now(), settleOrCorrect(ledger, request));
      } catch (error) {
        const delayMs = RETRY_DELAYS_MS[attempt] ?? LONGEST_DELAY_MS;
        if (performance.now() + delayMs >= endsAtMs) throw error;
        await sleep(delayMs);
      }
    }
  }

  async function settleOrSpool(request: SettleRequest): Promise<SettlementResult> {
    try {
      return await settleWithRetry(request);
    } catch (error) {
      await spool.append({ kind: 'settle', request });
      hasSpooled = true;
      logger.warn({ err: error, hold: hold.holdId, call: request.callIndex }, 'settlement spooled');
      return { outcome: 'spooled', late: false, overrun: false, state: 'ok', limit: null };
    }
  }

  /** The figures are in the log only if neither the database nor the disk takes them. */
  function logFailure(error: unknown, { meters, callIndex }: SettleRequest): void {
    const amounts = Object.fromEntries(Object.entries(meters).map(([name, n]) => [name, n.toString()]));
    logger.error({ err: error, hold: hold.holdId, call: callIndex, amounts }, 'settlement failed');
  }

  const closing: SpoolEntry = { kind: 'close', request: hold };

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

  async function settleCall(entry: SettleEntry, isLast: boolean): Promise<SettlementResult> {
    const { call, record, outcome, priced } = entry;
    const { status } = outcome;
    const { units, cost } = priced;
    const startedAt = performance.now();
    const request: SettleRequest = {
      ...hold,
      callIndex: call.index,
      meters: settledMeters(call, { status, units, costNanoUsd: cost.totalNanoUsd }),
      facts: storableFacts(factsOf(call, record, outcome, priced)),
      close: isLast && !hasSpooled && !hasFailed,
    };
    let answer: SettlementResult;
    try {
      answer = await settleOrSpool(request);
      if (answer.outcome === 'unknown_hold') throw new Error('The hold does not exist.');
    } catch (error) {
      metrics.recordSettle('failed', performance.now() - startedAt);
      hasFailed = true;
      logFailure(error, request);
      throw unavailable(error);
    }
    metrics.recordSettle(METRIC_OF[answer.outcome] ?? 'settled', performance.now() - startedAt);
    if (request.close) isClosed = true;
    if (!isLast && answer.outcome === 'spooled') throw unavailable('The settlement was spooled.');
    await flagCall({ metrics, logger, reportOverrun }, hold, entry, answer);
    return answer;
  }

  return {
    async settle(entry, isLast) {
      if (isLast && underWay.size > 0) await Promise.allSettled(underWay);
      const settling = settleCall(entry, isLast);
      underWay.add(settling);
      return settling.finally(() => underWay.delete(settling));
    },

    async close() {
      // After a failure, the hold must expire rather than close: a closed hold would look settled.
      if (isClosed || hasFailed) return;
      isClosed = true;
      try {
        if (hasSpooled) await spool.append(closing);
        else await within(MAX_RETRY_MS, ledger.close(hold)).catch(() => spool.append(closing));
      } catch (error) {
        logger.warn({ err: error, hold: hold.holdId }, 'closing a hold failed');
      }
    },
  };
}

const METRIC_OF: Partial<Record<SettlementResult['outcome'], SettleOutcome>> = {
  repeated: 'replayed',
  spooled: 'spooled',
};

function unavailable(cause: unknown): ProblemError {
  return problem('metering_unavailable', { cause, headers: { 'retry-after': '5' } });
}

/** @throws Error if the result takes longer. */
function within<Result>(ms: number, result: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The database did not answer in time.')), ms);
    result.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
