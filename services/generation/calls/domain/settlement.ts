import type { PlannedCall } from '#libs/contracts/work.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import { settledMeters } from '#libs/pipelines/meters.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { CallMetrics } from './call-metrics.ts';
import type { CallRecord } from './call-record.ts';
import type { Outcome } from './measure.ts';
import { factsOf, type PricedCall } from './price-call.ts';

export type SettlementOptions = {
  ledger: Pick<Ledger, 'settle' | 'close'>;
  metrics: CallMetrics;
  logger: Logger;
  /** Waits between attempts to reach the ledger. */
  sleep: (ms: number) => Promise<void>;
};

/** The hold of one request: its calls are settled one by one, and in the end nothing is left open. */
export type Settlement = {
  /**
   * Puts a call into the books. Settling is idempotent, so it is repeated while the database is away: what a provider
   * was paid for must not be lost to a restart.
   * @param isLast releases what the hold has left, in the same transaction.
   * @throws ProblemError `metering_unavailable` when the call did not get into the books: then no result may leave.
   */
  readonly settle: (entry: SettleEntry, isLast: boolean) => Promise<SettleAnswer>;
  /** Releases what is left, unless that has been done. Never throws: the sweeper does what this cannot. */
  readonly close: () => Promise<void>;
};

export type SettleEntry = { call: PlannedCall; record: CallRecord; outcome: Outcome; priced: PricedCall };

/**
 * About 15 seconds in all: longer than a database needs to come back, shorter than clients wait. Never more than a second
 * apart, so that a database that comes and goes is met while it is there.
 */
const RETRY_DELAYS_MS = [25, 50, 100, 200, 400, 700, ...new Array<number>(14).fill(1_000)];

export function createSettlement(
  { ledger, metrics, logger, sleep }: SettlementOptions,
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

  return {
    async settle({ call, record, outcome, priced }, isLast) {
      const { status } = outcome;
      const { units, cost } = priced;
      const startedAt = performance.now();
      const request: SettleRequest = {
        ...hold,
        callIndex: call.index,
        meters: settledMeters(call, { status, units, costNanoUsd: cost.totalNanoUsd }),
        facts: factsOf(call, record, outcome, priced),
        close: isLast,
      };
      try {
        const answer = await settleWithRetry(request);
        if (answer.outcome === 'unknown_hold') throw new Error('There is no such hold.');
        if (isLast) isClosed = true;
        const metric = answer.outcome === 'repeated' ? 'replayed' : 'settled';
        metrics.recordSettle(metric, performance.now() - startedAt);
        if (answer.late || answer.overrun || priced.hasUnpricedClass) {
          const { late, overrun } = answer;
          const { provider, model } = call;
          logger.warn(
            {
              hold: hold.holdId,
              call: call.index,
              provider,
              model,
              late,
              overrun,
              unpriced: priced.hasUnpricedClass,
            },
            'a call settled differently than held',
          );
        }
        return answer;
      } catch (error) {
        metrics.recordSettle('failed', performance.now() - startedAt);
        // left to expire, which tells that something of it is missing; closed, it would look settled
        isClosed = true;
        // the one place where these figures then are
        const { meters, callIndex } = request;
        const amounts = Object.fromEntries(Object.entries(meters).map(([name, n]) => [name, n.toString()]));
        logger.error(
          { err: error, hold: hold.holdId, call: callIndex, amounts },
          'a call could not be settled',
        );
        throw problem('metering_unavailable', { cause: error, headers: { 'retry-after': '5' } });
      }
    },

    async close() {
      if (isClosed) return;
      isClosed = true;
      await ledger.close(hold).catch((error: unknown) => {
        logger.warn(
          { err: error, hold: hold.holdId },
          'a hold could not be closed and is left to the sweeper',
        );
      });
    },
  };
}
