import { Counter, type Registry } from 'prom-client';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';

export type HoldTaskOptions = {
  ledger: Pick<Ledger, 'expire'>;
  everySeconds: number;
  /** Holds that one statement expires at most. */
  batch: number;
  registry: Registry;
};

/** `expire-holds` releases what expired holds have left, because the process that made them is gone. */
export function holdTasks({ ledger, everySeconds, batch, registry }: HoldTaskOptions): Task[] {
  const expired = new Counter({
    name: 'inkmeter_holds_expired_total',
    help: 'Holds that expired before they were closed',
    registers: [registry],
  });
  return [
    defineTask({
      name: 'expire-holds',
      schedule: { everySeconds },
      run: async (_, { signal, logger }) => {
        for (let isFull = true; isFull && !signal.aborted; ) {
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
          isFull = holds.length === batch;
        }
      },
    }),
  ];
}
