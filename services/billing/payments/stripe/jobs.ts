/** Tasks that bring billing in line with Stripe. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { transaction } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { HostedPayments } from '../port.ts';
import { compareSubscriptions } from './compare.ts';
import { planNotice, type SyncTarget } from './domain/event-types.ts';
import { countDrift } from './drift-store.ts';
import { duplicateTask } from './duplicate-jobs.ts';
import { markEvent, nameObject, waitingEvents } from './inbox-store.ts';
import { enqueuePlan, RESOLVE_TASK, SYNC_TASK } from './intake.ts';
import { pollEvents } from './reconcile.ts';
import { type StripeDeps, syncObject } from './sync.ts';
import { noticeOf } from './webhook.ts';

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
  registerGauges(registry, deps);
  return [
    defineTask({
      name: SYNC_TASK,
      schema: z.object({ target: z.enum(TARGETS), objectId: z.string() }),
      run: async ({ target, objectId }, { logger }) => {
        synced.inc({ target, outcome: await syncObject(deps, target, { objectId, logger }) });
      },
    }),
    defineTask({
      name: RESOLVE_TASK,
      schema: z.object({ eventId: z.string() }),
      run: ({ eventId }) => resolveEvent(deps, eventId, isLive),
    }),
    defineTask({
      name: 'poll-stripe-events',
      schedule: { everySeconds: POLL_SECONDS },
      run: (_payload, context) => pollEvents(deps, context, isLive),
    }),
    defineTask({
      name: 'compare-stripe-subscriptions',
      schedule: { cron: '41 2 * * *' },
      run: (_payload, context) => compareSubscriptions(deps, context),
    }),
    duplicateTask(deps),
  ];
}

/** A thin event that does not name its object: its snapshot does. */
async function resolveEvent(deps: StripeDeps, eventId: string, isLive: boolean): Promise<void> {
  const { stripe, database, runtime } = deps;
  const notice = noticeOf(await stripe.events.retrieve(eventId));
  const plan = planNotice(notice, isLive);
  if (plan.kind === 'sync') {
    await transaction(database, async (tx) => {
      await nameObject(tx, eventId, plan.objectId);
      await enqueuePlan(tx, plan, notice);
    });
    return;
  }
  const outcome = plan.kind === 'done' ? plan.outcome : 'no_object';
  await markEvent(database, eventId, { outcome, now: runtime.clock.now() });
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
