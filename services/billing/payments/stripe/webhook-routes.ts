import type { FastifyInstance } from 'fastify';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import { transaction } from '#libs/db/database.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { API_VERSION } from './client.ts';
import { acceptNotice } from './intake.ts';
import type { StripeDeps } from './sync.ts';
import { readDelivery, type WebhookSecrets } from './webhook.ts';

export type WebhookOptions = StripeDeps & { webhookSecrets: WebhookSecrets; isLive: boolean };

/** Stores a verified event and its job, and answers. Everything else happens in the job. */
export function webhookRoutes(app: FastifyInstance, options: WebhookOptions): void {
  const { stripe, database, runtime, webhookSecrets: secrets, isLive } = options;
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
    await transaction(database, (tx) => acceptNotice(tx, notice, { source: 'webhook', now, isLive }));
    return { received: true as const };
  });
}
