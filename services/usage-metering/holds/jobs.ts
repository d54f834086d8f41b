import { Counter, type Registry } from 'prom-client';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { ExpiredHold, OverdueHold, SettleRequest } from '#libs/ledger/types.ts';
import type { Logger } from '#libs/service/logger.ts';
import { boundSettlements, UNKNOWN_CALL } from './domain.ts';

export type HoldTaskOptions = {
  ledger: Pick<Ledger, 'expire'>;
  everySeconds: number;
  /** Holds that one run expires at a time. */
  batch: number;
  registry: Registry;
};

/**
 * `expire-holds` ends expired holds. In the same transaction it records their unsettled calls at what was held for them,
 * because their process is gone and their cost is unknown; calls that were never sent are released.
 */
export function holdTasks({ ledger, everySeconds, batch, registry }: HoldTaskOptions): Task[] {
  const expired = new Counter({
    name: 'inkmeter_holds_expired_total',
    help: 'Holds that expired before they were closed',
    registers: [registry],
  });
  const bound = new Counter({
    name: 'inkmeter_expired_calls_total',
    help: 'Provider calls of expired holds, settled at what was held for them',
    registers: [registry],
  });

  function callsAtBound(hold: OverdueHold, logger: Logger): SettleRequest[] {
    const settlements = boundSettlements(hold);
    if (settlements.some(({ facts }) => facts.provider === UNKNOWN_CALL))
      logger.error({ hold: hold.id, account: hold.accountId }, 'expired hold has no plan');
    return settlements;
  }

  return [
    defineTask({
      name: 'expire-holds',
      schedule: { everySeconds },
      run: async (_, { signal, logger }) => {
        for (let isFull = true; isFull && !signal.aborted; ) {
          let calls = 0;
          const holds = await ledger.expire(batch, (hold) => {
            const settlements = callsAtBound(hold, logger);
            calls += settlements.length;
            return settlements;
          });
          for (const hold of holds) logExpiry(hold, logger);
          expired.inc(holds.length);
          bound.inc(calls);
          isFull = holds.length === batch;
        }
      },
    }),
  ];
}

function logExpiry({ id, accountId, expiresAt, settledCalls, released }: ExpiredHold, logger: Logger): void {
  logger.warn(
    {
      hold: id,
      account: accountId,
      expired_at: expiresAt.toISOString(),
      settled_calls: settledCalls.length,
      released: Object.fromEntries(
        Object.entries(released).map(([meter, amount]) => [meter, amount.toString()]),
      ),
    },
    'hold expired',
  );
}
