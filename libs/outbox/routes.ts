import { LOG_CHANNEL, MAIL_CHANNEL } from './deliveries.ts';

/** Every type of event. Add a new one here, with its channels, before a service emits it. */
export type EventType =
  | 'autopilot.paused'
  | 'autopilot.run_finished'
  | 'dispute.opened'
  | 'generation.cancelled'
  | 'generation.completed'
  | 'generation.created'
  | 'generation.failed'
  | 'generation.needs_approval'
  | 'generation.step_finished'
  | 'inbox.message_drafted'
  | 'invoice.upcoming'
  | 'mail.requested'
  | 'outcome.milestone_reached'
  | 'outcome.settled'
  | 'payment.action_required'
  | 'payment.failed'
  | 'payment.refunded'
  | 'payment.reminder'
  | 'payment.requested'
  | 'payment.succeeded'
  | 'provider.failing'
  | 'subscription.changed'
  | 'subscription.ended'
  | 'system.error'
  | 'trial.ending'
  | 'usage.anomaly'
  | 'usage.corrected'
  | 'usage.overrun'
  | 'usage.threshold'
  | 'webhook.disabled'
  | 'webhook.test';

/** Where a delivery goes. `target` is an address within the channel, empty where the channel has only one. */
export type Route = { readonly channel: string; readonly target: string };

const LOG: Route = { channel: LOG_CHANNEL, target: '' };
const MAIL: Route = { channel: MAIL_CHANNEL, target: '' };

/** The channels of each event type. A change affects events that are emitted from then on. */
export const EVENT_ROUTES: Readonly<Record<EventType, readonly Route[]>> = {
  'autopilot.paused': [LOG],
  'autopilot.run_finished': [],
  'dispute.opened': [LOG],
  'generation.cancelled': [],
  'generation.completed': [],
  'generation.created': [],
  'generation.failed': [],
  'generation.needs_approval': [],
  'generation.step_finished': [],
  'inbox.message_drafted': [],
  'invoice.upcoming': [LOG],
  'mail.requested': [MAIL],
  'outcome.milestone_reached': [LOG],
  'outcome.settled': [LOG],
  'payment.action_required': [LOG],
  'payment.failed': [LOG],
  'payment.refunded': [LOG],
  'payment.reminder': [LOG],
  'payment.requested': [LOG],
  'payment.succeeded': [LOG],
  'provider.failing': [LOG],
  'subscription.changed': [LOG],
  'subscription.ended': [LOG],
  'system.error': [LOG],
  'trial.ending': [LOG],
  'usage.anomaly': [LOG],
  'usage.corrected': [],
  'usage.overrun': [LOG],
  // The ledger's transaction writes it with its alert; the task `fan-out-events` adds the deliveries.
  'usage.threshold': [],
  'webhook.disabled': [LOG],
  // Goes to one endpoint only.
  'webhook.test': [],
};
