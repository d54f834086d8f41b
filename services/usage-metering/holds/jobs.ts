import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';

/**
 * The sweeper: releases what expired holds still hold, because the process that made them is gone. Calls that had
 * settled stay. Any number of replicas may run it at once: the ledger releases each hold once.
 */
export function createSweeper(options: {
  ledger: Pick<Ledger, 'expire'>;
  intervalMs: number;
  batch: number;
  logger: Logger;
  registry: Registry;
}): PeriodicJob {
  const { ledger, intervalMs, batch, logger, registry } = options;
  const expired = new Counter({
    name: 'inkmeter_holds_expired_total',
    help: 'Holds that ran out before they were closed',
    registers: [registry],
  });

  return createPeriodicJob({
    name: 'expire-holds',
    intervalMs,
    logger,
    run: async (signal) => {
      for (let full = true; full && !signal.aborted; ) {
        const holds = await ledger.expire(batch);
        for (const hold of holds) {
          logger.warn(
            {
              hold: hold.id,
              account: hold.accountId,
              expired_at: hold.expiresAt.toISOString(),
              settled_calls: hold.settledCalls.length,
              released: Object.fromEntries(
                Object.entries(hold.released).map(([meter, amount]) => [meter, amount.toString()]),
              ),
            },
            'hold expired',
          );
        }
        expired.inc(holds.length);
        full = holds.length === batch;
      }
    },
  });
}
