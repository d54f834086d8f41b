/** Tasks that bring billing in line with Stripe. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import type { HostedPayments } from '../port.ts';
import { compareSubscriptions } from './compare.ts';
import type { SyncTarget } from './domain/event-types.ts';
import { countDrift } from './drift-store.ts';
import { duplicateTask } from './duplicate-jobs.ts';
import { waitingEvents } from './inbox-store.ts';
import { PROCESS_TASK, SYNC_TASK } from './intake.ts';
import { processEvents, syncObject } from './process-events.ts';
import { pollEvents, retryWaiting } from './reconcile.ts';
import { restoreTask } from './restore-jobs.ts';
import type { StripeDeps } from './sync.ts';

const POLL_SECONDS = 60;

const TARGETS = [
  'subscription',
  'invoice',
  'upcoming',
  'checkout',
  'schedule',
  'refund',
  'charge',
  'dispute',
  'credit_note',
  'customer',
] as const satisfies readonly SyncTarget[];

export type StripeTaskOptions = StripeDeps & { hosted: HostedPayments; isLive: boolean; registry: Registry };

export function stripeTasks(options: StripeTaskOptions): Task[] {
  const { registry, isLive, ...deps } = options;
  const synced = new Counter({
    name: 'inkmeter_stripe_syncs_total',
    help: 'Objects of Stripe that were read again',
    labelNames: ['target', 'outcome'],
    registers: [registry],
  });
  const optionsOf = ({ logger }: JobContext) => ({
    isLive,
    logger,
    onRead: (target: SyncTarget, outcome: string) => synced.inc({ target, outcome }),
  });
  registerGauges(registry, deps);
  return [
    defineTask({
      name: PROCESS_TASK,
      schema: z.object({ key: z.string() }),
      run: ({ key }, context) => processEvents(deps, key, optionsOf(context)),
    }),
    defineTask({
      name: SYNC_TASK,
      schema: z.object({ target: z.enum(TARGETS), objectId: z.string() }),
      run: (read, context) => syncObject(deps, read, optionsOf(context)),
    }),
    defineTask({
      name: 'poll-stripe-events',
      schedule: { everySeconds: POLL_SECONDS },
      run: (_payload, context) => pollEvents(deps, context, isLive),
    }),
    defineTask({
      name: 'retry-stripe-events',
      schedule: { cron: '17 * * * *' },
      run: () => retryWaiting(deps),
    }),
    defineTask({
      name: 'compare-stripe-subscriptions',
      schedule: { cron: '41 2 * * *' },
      run: (_payload, context) => compareSubscriptions(deps, context),
    }),
    duplicateTask(deps),
    restoreTask(deps),
  ];
}

function registerGauges(registry: Registry, { database }: StripeDeps): void {
  new Gauge({
    name: 'inkmeter_stripe_events_waiting',
    help: 'Events of Stripe that are stored and not processed',
    registers: [registry],
    async collect() {
      this.set((await waitingEvents(database)).count);
    },
  });
  new Gauge({
    name: 'inkmeter_stripe_drift',
    help: 'Subscriptions that differed from Stripe at the last comparison',
    registers: [registry],
    async collect() {
      this.set(await countDrift(database));
    },
  });
}
