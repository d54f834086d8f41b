import type Stripe from 'stripe';
import { type ObjectBasis, planObject } from './catalogue-objects.ts';

export function listObject<Row>(data: Row[], url: string, hasMore = false): Stripe.ApiList<Row> {
  return { object: 'list', data, has_more: hasMore, url };
}

export type Period = { start: number; end: number };

export function itemObject(
  { id, created }: ObjectBasis,
  of: { subscription: string; price: Stripe.Price; quantity: number; period: Period },
): Stripe.SubscriptionItem {
  return {
    id,
    object: 'subscription_item',
    billing_thresholds: null,
    created,
    current_period_end: of.period.end,
    current_period_start: of.period.start,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: planObject(of.price),
    price: of.price,
    quantity: of.quantity,
    subscription: of.subscription,
    tax_rates: [],
  };
}

export function subscriptionObject(
  { id, created }: ObjectBasis,
  of: {
    customer: string;
    items: Stripe.SubscriptionItem[];
    currency: string;
    status: string;
    anchor: number;
    trialEnd: number | null;
    metadata: Stripe.Metadata;
    discounts: string[];
    defaultPaymentMethod: string | null;
    testClock: string | null;
  },
): Stripe.Subscription {
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: of.anchor,
    billing_cycle_anchor_config: null,
    billing_mode: { type: 'flexible', flexible: { proration_discounts: 'included' }, updated_at: created },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created,
    currency: of.currency,
    customer: of.customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: of.defaultPaymentMethod,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: of.discounts,
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: listObject(of.items, `/v1/subscription_items?subscription=${id}`),
    latest_invoice: null,
    livemode: false,
    managed_payments: { enabled: false },
    metadata: of.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: created,
    status: of.status,
    test_clock: of.testClock,
    transfer_data: null,
    trial_end: of.trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: 'phase_start', missing_payment_method: 'create_invoice' },
    },
    trial_start: of.trialEnd === null ? null : created,
  };
}

export type PhaseTerms = Period & { items: readonly { price: string; quantity: number }[] };

export function phaseObject({ items, start, end }: PhaseTerms): Stripe.SubscriptionSchedule.Phase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency: 'usd',
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: end,
    invoice_settings: null,
    items: items.map(({ price, quantity }) => ({
      billing_thresholds: null,
      discounts: [],
      metadata: {},
      plan: price,
      price,
      quantity,
      tax_rates: [],
    })),
    metadata: {},
    on_behalf_of: null,
    proration_behavior: 'create_prorations',
    start_date: start,
    transfer_data: null,
    trial_end: null,
  };
}

export function scheduleObject(
  { id, created }: ObjectBasis,
  of: { subscription: Stripe.Subscription; phases: Stripe.SubscriptionSchedule.Phase[] },
): Stripe.SubscriptionSchedule {
  const [first] = of.phases;
  return {
    id,
    object: 'subscription_schedule',
    application: null,
    billing_mode: { type: 'flexible', flexible: { proration_discounts: 'included' } },
    canceled_at: null,
    completed_at: null,
    created,
    current_phase: first === undefined ? null : { start_date: first.start_date, end_date: first.end_date },
    customer: idOf(of.subscription.customer),
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: 'release',
    livemode: false,
    metadata: {},
    pause_schedules: [],
    phases: of.phases,
    released_at: null,
    released_subscription: null,
    status: 'active',
    subscription: of.subscription.id,
    test_clock: of.subscription.test_clock,
  };
}

/** The id of an object that may be expanded. The simulator stores ids. */
export function idOf(reference: string | { id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}
