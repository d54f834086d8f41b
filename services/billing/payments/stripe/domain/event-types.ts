/** Every type of event that Stripe is asked to send, and what it makes billing read again. */

/**
 * The object that an event leads to. `upcoming` and `discount` name no object of their own: the subscription or the
 * customer is read.
 */
export type SyncTarget =
  | 'subscription'
  | 'invoice'
  | 'upcoming'
  | 'checkout'
  | 'schedule'
  | 'refund'
  | 'charge'
  | 'dispute'
  | 'credit_note'
  | 'customer';

/** `ignored`: known, and nothing that billing stores depends on it. */
export const EVENT_TARGETS: Readonly<Record<string, SyncTarget | 'ignored'>> = {
  'checkout.session.completed': 'checkout',
  'checkout.session.expired': 'checkout',
  'checkout.session.async_payment_succeeded': 'checkout',
  'checkout.session.async_payment_failed': 'checkout',

  'customer.subscription.created': 'subscription',
  'customer.subscription.updated': 'subscription',
  'customer.subscription.deleted': 'subscription',
  'customer.subscription.paused': 'subscription',
  'customer.subscription.resumed': 'subscription',
  'customer.subscription.trial_will_end': 'subscription',
  'customer.subscription.pending_update_applied': 'subscription',
  'customer.subscription.pending_update_expired': 'subscription',
  'subscription_schedule.updated': 'schedule',
  'subscription_schedule.released': 'schedule',
  'subscription_schedule.completed': 'schedule',
  'subscription_schedule.canceled': 'schedule',
  'subscription_schedule.aborted': 'schedule',

  'invoice.created': 'invoice',
  'invoice.finalized': 'invoice',
  'invoice.finalization_failed': 'invoice',
  'invoice.paid': 'invoice',
  'invoice.payment_failed': 'invoice',
  'invoice.payment_action_required': 'invoice',
  'invoice.upcoming': 'upcoming',
  'invoice.voided': 'invoice',
  'invoice.marked_uncollectible': 'invoice',

  'refund.created': 'refund',
  'refund.updated': 'refund',
  'refund.failed': 'refund',
  'charge.refunded': 'charge',
  'charge.dispute.created': 'dispute',
  'charge.dispute.closed': 'dispute',
  'credit_note.created': 'credit_note',
  'credit_note.voided': 'credit_note',

  'customer.updated': 'customer',
  'customer.deleted': 'customer',
  'customer.discount.created': 'customer',
  'customer.discount.updated': 'customer',
  'customer.discount.deleted': 'customer',

  // Cards are read from Stripe when an account asks for them.
  'payment_method.attached': 'ignored',
  'payment_method.detached': 'ignored',
  'payment_method.automatically_updated': 'ignored',
  // Entitlements come from the catalogue, and usage is metered here.
  'entitlements.active_entitlement_summary.updated': 'ignored',
  'billing.meter.error_report_triggered': 'ignored',
  'test_helpers.test_clock.ready': 'ignored',
};

/** Events whose object is not the one to read: the customer is. */
const OF_CUSTOMER = /^customer\.discount\./;

/** What a verified delivery says, in either payload. */
export type StripeNotice = {
  eventId: string;
  /** Without the `v1.` of thin payloads. */
  type: string;
  /** Null where the payload does not name it. */
  objectId: string | null;
  customerId: string | null;
  subscriptionId: string | null;
  apiVersion: string | null;
  livemode: boolean;
};

export type NoticePlan =
  | { kind: 'sync'; target: SyncTarget; objectId: string }
  /** The payload does not name the object: the event itself has to be read. */
  | { kind: 'resolve' }
  | { kind: 'done'; outcome: 'ignored' | 'unknown_type' | 'other_mode' };

/** What is to be done about an event. @param isLive whether this installation uses live keys. */
export function planNotice(notice: StripeNotice, isLive: boolean): NoticePlan {
  if (notice.livemode !== isLive) return { kind: 'done', outcome: 'other_mode' };
  const target = Object.hasOwn(EVENT_TARGETS, notice.type) ? EVENT_TARGETS[notice.type] : undefined;
  if (target === undefined) return { kind: 'done', outcome: 'unknown_type' };
  if (target === 'ignored') return { kind: 'done', outcome: 'ignored' };
  const objectId =
    target === 'upcoming'
      ? notice.subscriptionId
      : OF_CUSTOMER.test(notice.type)
        ? notice.customerId
        : notice.objectId;
  return objectId === null ? { kind: 'resolve' } : { kind: 'sync', target, objectId };
}
