import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import { getDrift, replayEvent, resyncAccount } from '#libs/contracts/billing-provider-admin.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Logger } from '#libs/service/logger.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { stripeAdminRoutes } from './admin-routes.ts';
import { type StripeDeps, syncSubscription } from './sync.ts';
import { type WebhookOptions, webhookRoutes } from './webhook-routes.ts';

export { type StripeTaskOptions, stripeTasks } from './jobs.ts';

/** Deliveries of Stripe, and staff's view of the work with it. */
export const stripePlugin: FastifyPluginAsync<WebhookOptions> = async (app, options) => {
  webhookRoutes(app, options);
  stripeAdminRoutes(app, options);
};

/** The same routes in an installation without Stripe: they say so. */
export const withoutStripePlugin: FastifyPluginAsync = async (app) => {
  for (const operation of [stripeWebhook, replayEvent, resyncAccount, getDrift]) {
    serveOperation(app, operation, async () => {
      throw problem('payments_not_hosted');
    });
  }
};

/** Longer than a healthy answer takes, and short enough for a user who waits for a page. */
const CONFIRM_TIMEOUT_MS = 5_000;

/**
 * Applies what Stripe says about a subscription whose access seems over. Where Stripe does not answer in time, the access
 * ends: it was paid for until then.
 */
export function createConfirmEnd(deps: StripeDeps, logger: Logger): (id: string) => Promise<void> {
  const sync = createSyncSubscription(deps, logger);
  return async (id) => {
    try {
      const timeout = delay(CONFIRM_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        throw new Error(`Stripe has not answered within ${CONFIRM_TIMEOUT_MS} ms.`);
      });
      await Promise.race([sync(id), timeout]);
    } catch (error) {
      logger.warn({ err: error, subscription: id }, 'end of a subscription not confirmed');
    }
  };
}

/** Applies at once what a subscription has become, so that a response shows it. Its event changes nothing more. */
export function createSyncSubscription(deps: StripeDeps, logger: Logger): (id: string) => Promise<void> {
  return async (id) => {
    await syncSubscription(deps, id, { eventIds: [], invoiceIds: [], isUpcoming: false, logger });
  };
}
