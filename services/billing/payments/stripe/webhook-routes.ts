import type { FastifyInstance } from 'fastify';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import { transaction } from '#libs/db/database.ts';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { API_VERSION } from './client.ts';
import type { StripeNotice } from './domain/event-types.ts';
import { acceptNotices } from './intake.ts';
import type { StripeDeps } from './sync.ts';
import { readDelivery, type WebhookSecrets } from './webhook.ts';

export type WebhookOptions = StripeDeps & { webhookSecrets: WebhookSecrets; isLive: boolean };

const MAX_BATCH = 200;
/** Stripe repeats what is refused beyond this. */
const MAX_WAITING = 20_000;

/** Stores a verified event and its job, and answers. Everything else happens in the job. */
export function webhookRoutes(app: FastifyInstance, options: WebhookOptions): void {
  const { stripe, database, runtime, webhookSecrets: secrets, isLive } = options;
  /** Deliveries that arrive together are stored with one commit. Each is answered after its own commit. */
  const accepting = createGroupCommit<StripeNotice, null>({
    key: ({ eventId }) => eventId,
    maxBatch: MAX_BATCH,
    maxWaiting: MAX_WAITING,
    run: async (notices) => {
      const of = { source: 'webhook', now: runtime.clock.now(), isLive } as const;
      await transaction(database, (tx) => acceptNotices(tx, notices, of));
      return notices.map(() => null);
    },
  });
  app.addHook('onClose', () => accepting.idle());

  serveOperation(app, stripeWebhook, async (request) => {
    const now = runtime.clock.now();
    const signature = String(request.headers['stripe-signature'] ?? '');
    const body = request.rawBody ?? Buffer.alloc(0);
    const notice = readDelivery(stripe, { body, signature, secrets, now });
    // The payload is not applied, so another version does no harm. The endpoint should be brought in line all the same.
    if (notice.apiVersion !== null && notice.apiVersion !== API_VERSION) {
      request.log.warn(
        { event: notice.eventId, version: notice.apiVersion },
        'unexpected version of an event',
      );
    }
    await accepting.submit(notice);
    return { received: true as const };
  });
}
