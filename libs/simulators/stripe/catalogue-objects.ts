import Stripe from 'stripe';

export type ObjectBasis = { id: string; created: number };

export function productObject(
  { id, created }: ObjectBasis,
  { name, description, metadata }: { name: string; description: string | null; metadata: Stripe.Metadata },
): Stripe.Product {
  return {
    id,
    object: 'product',
    active: true,
    created,
    default_price: null,
    description,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata,
    name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: 'service',
    unit_label: null,
    updated: created,
    url: null,
  };
}

export type PriceTerms = {
  product: string;
  currency: string;
  unitAmount: number;
  interval: string;
  lookupKey: string | null;
  metadata: Stripe.Metadata;
  nickname: string | null;
};

export function priceObject({ id, created }: ObjectBasis, terms: PriceTerms): Stripe.Price {
  return {
    id,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created,
    currency: terms.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: terms.lookupKey,
    metadata: terms.metadata,
    nickname: terms.nickname,
    product: terms.product,
    recurring: {
      interval: terms.interval,
      interval_count: 1,
      meter: null,
      trial_period_days: null,
      usage_type: 'licensed',
    },
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: terms.unitAmount,
    unit_amount_decimal: Stripe.Decimal.from(terms.unitAmount),
  };
}

/** The older view of a price, which subscription items still carry. */
export function planObject(price: Stripe.Price): Stripe.Plan {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? 'month',
    interval_count: 1,
    livemode: false,
    metadata: price.metadata,
    meter: null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: 'licensed',
  };
}

export function couponObject(
  { id, created }: ObjectBasis,
  terms: Pick<
    Stripe.Coupon,
    | 'amount_off'
    | 'percent_off'
    | 'currency'
    | 'duration'
    | 'duration_in_months'
    | 'name'
    | 'max_redemptions'
    | 'redeem_by'
  >,
): Stripe.Coupon {
  return {
    id,
    object: 'coupon',
    created,
    livemode: false,
    metadata: {},
    times_redeemed: 0,
    valid: true,
    ...terms,
  };
}

export function promotionCodeObject(
  { id, created }: ObjectBasis,
  {
    code,
    coupon,
    maxRedemptions,
    expiresAt,
  }: { code: string; coupon: string; maxRedemptions: number | null; expiresAt: number | null },
): Stripe.PromotionCode {
  return {
    id,
    object: 'promotion_code',
    active: true,
    code,
    created,
    customer: null,
    customer_account: null,
    expires_at: expiresAt,
    livemode: false,
    max_redemptions: maxRedemptions,
    metadata: {},
    promotion: { type: 'coupon', coupon },
    restrictions: { first_time_transaction: false, minimum_amount: null, minimum_amount_currency: null },
    times_redeemed: 0,
  };
}

export function discountObject(
  { id, created }: ObjectBasis,
  of: {
    coupon: string;
    customer: string;
    subscription: string;
    promotionCode: string | null;
    end: number | null;
  },
): Stripe.Discount {
  return {
    id,
    object: 'discount',
    checkout_session: null,
    customer: of.customer,
    customer_account: null,
    end: of.end,
    invoice: null,
    invoice_item: null,
    promotion_code: of.promotionCode,
    source: { type: 'coupon', coupon: of.coupon },
    start: created,
    subscription: of.subscription,
    subscription_item: null,
  };
}
