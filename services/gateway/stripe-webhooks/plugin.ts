import type { FastifyPluginAsync } from 'fastify';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import { createFailover } from '#libs/http/failover.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';
import { problem } from '#libs/problems/problems.ts';
import { createPublicDirectRoutes, type DirectRequest } from '#libs/service/direct-routes.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createForwarder, type Delivery } from './forward.ts';

export type StripeWebhooksOptions = {
  /** Connections to the processes of billing. */
  pools: readonly Dispatcher[];
  /** Signs requests to billing. */
  sign: SignIdentity;
  newId: () => string;
  logger: Logger;
  metrics: Pick<Metrics, 'recordRequest' | 'recordRefusal' | 'countInFlight'>;
};

const MAX_BATCH = 100;
/** Stripe repeats what is refused beyond these. */
const MAX_WAITING = 5_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Events are smaller: their objects have at most some hundred lines. */
const MAX_BODY_BYTES = 512 * 1024;
const RECEIVED = Buffer.from('{"received":true}');

/**
 * Deliveries of Stripe come in rushes, as at the renewal of many customers. Those that arrive while a request to billing
 * is under way go there together in the next one, with the bytes that were signed. Each is answered after its commit.
 */
export const stripeWebhooksPlugin: FastifyPluginAsync<StripeWebhooksOptions> = async (app, options) => {
  const { pools, sign } = options;
  const forward = createForwarder(createFailover(pools, isNotSent), sign);
  const accepting = createGroupCommit<Delivery, null>({
    key: ({ id }) => id,
    maxBatch: MAX_BATCH,
    maxWaiting: MAX_WAITING,
    run: forward,
  });
  let waitingBytes = 0;
  app.addHook('onClose', () => accepting.idle());
  const addRoute = createPublicDirectRoutes(app, options);
  addRoute({
    path: stripeWebhook.path,
    contentType: null,
    bodyLimitBytes: Math.min(MAX_BODY_BYTES, app.initialConfig.bodyLimit ?? MAX_BODY_BYTES),
    serve: async (request, _caller, body) => {
      const signature = request.raw.headers['stripe-signature'];
      if (typeof signature !== 'string') {
        throw problem('invalid_request', { detail: 'The signature of this delivery is missing.' });
      }
      if (accepting.waiting() >= MAX_WAITING || waitingBytes + body.length > MAX_WAITING_BYTES) {
        throw problem('service_unavailable', { headers: { 'retry-after': '1' } });
      }
      waitingBytes += body.length;
      try {
        await accepting.submit({ id: request.id, signature, body });
      } finally {
        waitingBytes -= body.length;
      }
      sendReceived(request);
    },
  });
};

function sendReceived({ id, response }: DirectRequest): void {
  response
    .writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': RECEIVED.length,
      'x-request-id': id,
    })
    .end(RECEIVED);
}
