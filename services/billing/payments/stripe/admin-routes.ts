import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { getDrift, replayEvent, resyncAccount } from '#libs/contracts/billing-provider-admin.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { COMPARISON } from './compare.ts';
import { EVENT_TARGETS } from './domain/event-types.ts';
import { listDrift } from './drift-store.ts';
import { findEvent, reopenEvent, waitingEvents } from './inbox-store.ts';
import { enqueueEvents, enqueueSync, keyOf } from './intake.ts';
import { EVENTS } from './reconcile.ts';
import { readProgress, subscriptionsOf } from './store.ts';
import type { StripeDeps } from './sync.ts';

const MAX_DRIFT = 1_000;

/** Staff repeat work with Stripe and see where billing differs from it. */
export function stripeAdminRoutes(app: FastifyInstance, deps: StripeDeps): void {
  const { database, runtime } = deps;

  serveOperation(app, replayEvent, async (request, reply) => {
    const { event_id: eventId } = request.params;
    const event = await findEvent(database, eventId);
    if (event === undefined) throw problem('not_found');
    const { type } = event;
    const target = EVENT_TARGETS[type];
    await transaction(database, async (tx) => {
      await audit(tx, request, {
        action: 'payment.event_replayed',
        accountId: null,
        subject: `event:${eventId}`,
      });
      if (target === undefined || target === 'ignored') return;
      await reopenEvent(tx, eventId);
      await enqueueEvents(tx, [keyOf(event)]);
    });
    return reply.code(202).send({ event_id: eventId, type });
  });

  serveOperation(app, resyncAccount, async (request, reply) => {
    const { account_id: accountId } = request.params;
    const rows = await subscriptionsOf(database, accountId);
    if (rows.length === 0) throw problem('not_found');
    await transaction(database, async (tx) => {
      await audit(tx, request, {
        action: 'payment.account_synced',
        accountId,
        subject: `account:${accountId}`,
      });
      for (const { id, customerId } of rows) await enqueueSync(tx, 'subscription', id, customerId);
    });
    return reply.code(202).send({ subscriptions: rows.map(({ id }) => id) });
  });

  serveOperation(app, getDrift, async () => {
    const waiting = await waitingEvents(database);
    const drift = await listDrift(database, MAX_DRIFT);
    return {
      waiting_events: waiting.count,
      oldest_waiting_at: waiting.oldest?.toISOString() ?? null,
      events_read_until: (await readProgress(database, EVENTS))?.toISOString() ?? null,
      compared_at: (await readProgress(database, COMPARISON))?.toISOString() ?? null,
      subscriptions: drift.map(({ subscriptionId, accountId, differences, foundAt }) => ({
        subscription_id: subscriptionId,
        account_id: accountId,
        differences,
        found_at: foundAt.toISOString(),
      })),
    };
  });

  function audit(
    tx: Tx,
    request: FastifyRequest<{ Body: { reason: string } }>,
    of: {
      action: 'payment.event_replayed' | 'payment.account_synced';
      accountId: string | null;
      subject: string;
    },
  ): Promise<void> {
    const { reason } = request.body;
    const entry = {
      id: runtime.newId(),
      at: runtime.clock.now(),
      by: actorOf(request),
      before: null,
      after: null,
    };
    return recordAudit(tx, { ...entry, ...of, reason });
  }
}
