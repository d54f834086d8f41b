import type { FastifyInstance } from 'fastify';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import {
  decodeDeliveries,
  STRIPE_DELIVERIES_ROUTE,
  STRIPE_DELIVERIES_TYPE,
  type StripeDelivery,
  type StripeDeliveryResult,
} from '#libs/contracts/stripe-deliveries.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import { createDirectRoutes, type DirectRouteOptions } from '#libs/service/direct-routes.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { API_VERSION } from './client.ts';
import type { StripeNotice } from './domain/event-types.ts';
import { acceptNotices } from './intake.ts';
import type { StripeDeps } from './sync.ts';
import { readDelivery, type WebhookSecrets } from './webhook.ts';

export type WebhookOptions = StripeDeps &
  DirectRouteOptions & { webhookSecrets: WebhookSecrets; isLive: boolean };

/** The gateway sends at most this. */
const MAX_BATCH_BYTES = 80 * 1024 * 1024;

/** Stores verified events with their jobs, and answers. Everything else happens in the jobs. */
export function webhookRoutes(app: FastifyInstance, options: WebhookOptions): void {
  const { database, runtime, webhookSecrets: secrets, isLive, logger } = options;
  const accept = (notices: readonly StripeNotice[]) =>
    acceptNotices(database, notices, { source: 'webhook', now: runtime.clock.now(), isLive });

  const read = ({ signature, body }: StripeDelivery) => {
    const notice = readDelivery({ body, signature, secrets, now: runtime.clock.now() });
    const { eventId: event, apiVersion: version } = notice;
    // The payload is not applied, so another version does no harm. The endpoint should be brought in line all the same.
    if (version !== null && version !== API_VERSION) {
      logger.warn({ event, version }, 'unexpected version of an event');
    }
    return notice;
  };

  serveOperation(app, stripeWebhook, async (request) => {
    const signature = String(request.headers['stripe-signature'] ?? '');
    await accept([read({ signature, body: request.rawBody ?? Buffer.alloc(0) })]);
    return { received: true as const };
  });

  createDirectRoutes(
    app,
    options,
  )({
    path: STRIPE_DELIVERIES_ROUTE,
    contentType: STRIPE_DELIVERIES_TYPE,
    bodyLimitBytes: MAX_BATCH_BYTES,
    serve: async ({ response }, _caller, body) => {
      const notices: StripeNotice[] = [];
      const results = decodeDeliveries(body).map((delivery): StripeDeliveryResult => {
        try {
          notices.push(read(delivery));
          return null;
        } catch (error) {
          return refusalOf(error);
        }
      });
      await accept(notices);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(results));
    },
  });
}

function refusalOf(error: unknown): StripeDeliveryResult {
  if (error instanceof ProblemError && error.code === 'invalid_request') {
    return { code: error.code, detail: error.message };
  }
  throw error;
}
