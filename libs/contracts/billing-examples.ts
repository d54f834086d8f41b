/** Examples for the OpenAPI document; checked against the schemas by a test. */
const period = { start: '2026-11-16T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' };

export const checkout = {
  url: 'https://checkout.stripe.com/c/pay/cs_live_a1',
  expires_at: '2026-11-21T12:00:00.000Z',
};

export const preview = {
  currency: 'USD',
  subtotal_minor: 2500,
  total_minor: 2500,
  amount_due_minor: 2500,
  proration_at: '2026-11-16T00:00:00.000Z',
  lines: [
    { description: 'Unused time on Basic', amount_minor: -1450, quantity: 1, period, proration: true },
    { description: 'Remaining time on Pro', amount_minor: 3950, quantity: 1, period, proration: true },
  ],
};

export const invoice = {
  id: 'in_1Qx',
  number: 'A1B2C3-0002',
  status: 'paid',
  reason: 'subscription_update',
  currency: 'USD',
  subtotal_minor: 2500,
  total_minor: 2500,
  amount_due_minor: 2500,
  amount_paid_minor: 2500,
  amount_remaining_minor: 0,
  amount_refunded_minor: 0,
  created_at: '2026-11-16T00:00:00.000Z',
  paid_at: '2026-11-16T00:00:00.000Z',
  next_payment_attempt_at: null,
  url: 'https://invoice.stripe.com/i/in_1Qx',
  pdf_url: 'https://pay.stripe.com/invoice/in_1Qx/pdf',
  lines: preview.lines,
};

export const paymentMethod = {
  id: 'pm_1Qx',
  kind: 'card',
  brand: 'visa',
  last4: '4242',
  exp_month: 12,
  exp_year: 2034,
  is_default: true,
};

export const state = {
  status: 'active',
  seats: 8,
  scheduled_seats: null,
  paused: false,
  cancel_at: null,
  current_period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
};
