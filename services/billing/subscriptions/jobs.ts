import { Counter, type Registry } from 'prom-client';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import type { DuePosition } from './due-store.ts';

export type RenewalOptions = {
  due: (now: Date, after: DuePosition | undefined, limit: number) => Promise<DuePosition[]>;
  /** Brings one account up to date. */
  catchUp: (accountId: string) => Promise<unknown>;
  uncollected: (limit: number) => Promise<PaymentRequest[]>;
  collect: (request: PaymentRequest) => Promise<unknown>;
  clock: Clock;
  intervalMs: number;
  logger: Logger;
  registry: Registry;
};

const BATCH = 200;

/**
 * Renews, changes and ends what is due, and has the drivers collect what that left owed. Any number of replicas may run
 * it at once: each account is brought up to date under its own lock, and doing so again changes nothing. One that fails
 * keeps nobody waiting; it is due again at the next run.
 */
export function createRenewalJob(options: RenewalOptions): PeriodicJob {
  const { due, catchUp, uncollected, collect, clock, intervalMs, logger, registry } = options;
  const renewed = new Counter({
    name: 'inkmeter_subscriptions_caught_up_total',
    help: 'Subscriptions that were renewed, changed or ended because of the time',
    labelNames: ['outcome'],
    registers: [registry],
  });

  async function attempt(accountId: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      renewed.inc({ outcome: 'ok' });
    } catch (error) {
      renewed.inc({ outcome: 'failed' });
      logger.error({ err: error, account: accountId }, 'subscription could not be brought up to date');
    }
  }

  return createPeriodicJob({
    name: 'renew-subscriptions',
    intervalMs,
    logger,
    run: async (signal) => {
      const now = clock.now();
      let batch: DuePosition[] = [];
      do {
        batch = await due(now, batch.at(-1), BATCH);
        for (const { accountId } of batch) {
          if (signal.aborted) return;
          await attempt(accountId, () => catchUp(accountId));
        }
      } while (batch.length === BATCH);
      for (const request of await uncollected(BATCH)) {
        if (signal.aborted) return;
        await attempt(request.accountId, () => collect(request));
      }
    },
  });
}
