import { z } from 'zod';
import { eventDataOf } from '#libs/contracts/threshold-event.ts';
import { isWebhookEvent, WEBHOOK_EVENTS, type WebhookEventType } from '#libs/contracts/webhook-events.ts';

type StoredEvent = { readonly type: string; readonly payload: Readonly<Record<string, unknown>> };

/**
 * Compares an event as it is stored with the data that the document promises to receivers of webhooks. Events that no
 * account receives pass.
 * @throws Error naming the first difference
 */
export function checkEventDocumented(type: string, payload: StoredEvent['payload']): void {
  if (!isWebhookEvent(type)) return;
  const { error } = WEBHOOK_EVENTS[type].data.safeParse(eventDataOf(type, payload));
  if (error === undefined) return;
  throw new Error(
    `${type} differs from the document: ${z.prettifyError(error)} in ${JSON.stringify(payload)}`,
  );
}

/** The same for all events of a test. @throws Error if one of the types is not among them. */
export function checkEmitted(events: readonly StoredEvent[], types: readonly WebhookEventType[]): void {
  for (const { type, payload } of events) checkEventDocumented(type, payload);
  const missing = types.filter((type) => !events.some((event) => event.type === type));
  if (missing.length > 0) throw new Error(`Not emitted: ${missing.join(', ')}`);
}

/** The test that causes each event as a customer would, and checks it with a function of this file. */
export const EMITTED_IN: Readonly<Record<WebhookEventType, string>> = {
  'usage.threshold': 'services/usage-metering/alerts/jobs.test.ts',
  'usage.anomaly': 'services/usage-metering/alerts/jobs.test.ts',
  'usage.corrected': 'services/usage-metering/events/routes.test.ts',
  'generation.created': 'services/generation/jobs/jobs.test.ts',
  'generation.step_finished': 'services/generation/jobs/jobs.test.ts',
  'generation.needs_approval': 'services/generation/jobs/job-inputs.test.ts',
  'generation.completed': 'services/generation/jobs/jobs.test.ts',
  'generation.failed': 'services/generation/jobs/jobs.test.ts',
  'generation.cancelled': 'services/generation/jobs/job-inputs.test.ts',
  'autopilot.run_finished': 'deploy/local/autopilots.test.ts',
  'autopilot.paused': 'deploy/local/autopilots.test.ts',
  'inbox.message_drafted': 'deploy/local/autopilots.test.ts',
  'subscription.changed': 'services/billing/subscriptions/leaving-plans.test.ts',
  'subscription.ended': 'services/billing/subscriptions/leaving-plans.test.ts',
  'trial.ending': 'services/billing/trials/routes.test.ts',
  'payment.requested': 'services/billing/subscriptions/routes.test.ts',
  'payment.reminder': 'services/billing/payments/stripe/failures.test.ts',
  'payment.succeeded': 'services/billing/outcomes/routes.test.ts',
  'payment.failed': 'services/billing/payments/stripe/failures.test.ts',
  'payment.action_required': 'services/billing/payments/stripe/failures.test.ts',
  'payment.refunded': 'services/billing/payments/manual/changes.test.ts',
  'outcome.milestone_reached': 'services/billing/outcomes/routes.test.ts',
  'outcome.settled': 'services/billing/outcomes/routes.test.ts',
  'invoice.upcoming': 'services/billing/payments/stripe/failures.test.ts',
  'webhook.disabled': 'services/usage-metering/webhooks/delivery.test.ts',
  'webhook.test': 'services/usage-metering/webhooks/delivery.test.ts',
};
