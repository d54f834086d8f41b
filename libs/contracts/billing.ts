/** Payments of an account through a payment provider: hosted pages, invoices, seats. */
import { z } from 'zod';
import * as example from './billing-examples.ts';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { cycle } from './plans.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

const tags = ['Billing'];
const plan = z.string().min(1).max(100).describe('Key or alias of a plan.');
const MAX_SEATS = 10_000;
const seats = z.int().min(1).max(MAX_SEATS).describe('How many seats to pay for.');
const returnUrl = z
  .url()
  .max(2_000)
  .describe('Of an origin that the operator allows (CHECKOUT_RETURN_ORIGINS).');
const currency = z.string().describe('ISO 4217, in upper case.');
const minor = z.int().describe('In minor units of the currency, such as cents; negative for a credit.');

const MANAGER_PROBLEMS = [...USER_PROBLEMS, 'role_required', 'payment_provider_error'] as const;
const CHANGE_PROBLEMS = [...MANAGER_PROBLEMS, 'conflict', 'plan_change_not_allowed'] as const;

export const hostedPage = z
  .object({ url: z.url().describe('Open it in a browser.') })
  .meta({ id: 'HostedPage' });

export const startCheckout = defineOperation({
  operationId: 'startCheckout',
  method: 'POST',
  path: '/api/billing/checkout',
  headers: idempotencyHeaders,
  summary: 'Start a checkout',
  description:
    'For an account that pays nothing yet. Returns a page of the payment provider, or of the payment request where payments are manual; the plan is in force once it is paid. Repeating the call returns the same page, and another choice closes it. An account that has a subscription already changes it with `POST /api/subscription/upgrade`.',
  tags,
  auth: 'user',
  body: z
    .strictObject({
      plan,
      cycle: cycle.default('month'),
      seats: seats.default(1),
      trial: z.boolean().default(false).describe('Begin with the free trial of the plan, once per account.'),
      success_url: returnUrl.optional(),
      cancel_url: returnUrl.optional(),
    })
    .meta({ id: 'CheckoutChoice' }),
  bodyExample: { plan: 'pro', cycle: 'month', seats: 3 },
  responses: {
    200: {
      description: 'The page on which to pay.',
      schema: z.object({ url: z.url(), expires_at: instant }).meta({ id: 'Checkout' }),
      example: example.checkout,
    },
    ...problemResponses(
      ...MANAGER_PROBLEMS,
      'unknown_plan',
      'plan_change_not_allowed',
      'trial_not_available',
      'semantic_error',
      'conflict',
    ),
  },
});

export const openPortal = defineOperation({
  operationId: 'openPortal',
  method: 'POST',
  path: '/api/billing/portal',
  headers: idempotencyHeaders,
  summary: "Open the payment provider's portal",
  description:
    'Cards, invoices and cancellation, on a page of the payment provider. Where payments are manual: the page of the open payment request.',
  tags,
  auth: 'user',
  body: z.strictObject({ return_url: returnUrl.optional() }).meta({ id: 'PortalChoice' }),
  bodyExample: {},
  responses: {
    200: {
      description: 'The page.',
      schema: hostedPage,
      example: { url: 'https://billing.stripe.com/p/session/x' },
    },
    ...problemResponses(...MANAGER_PROBLEMS, 'semantic_error', 'conflict'),
  },
});

export const showPaymentPage = defineOperation({
  operationId: 'showPaymentPage',
  method: 'GET',
  path: '/api/billing/payment-pages/{id}',
  summary: 'Show a payment request as a page',
  description:
    'For a browser, where payments are manual: checkout and portal answer with its address. It shows the amount, the instructions and whether the request is paid.',
  tags,
  auth: 'none',
  params: z.object({ id: z.uuid() }),
  responses: {
    200: {
      description: 'The page.',
      contentType: 'text/html',
      schema: z.string(),
      example: '<!doctype html><html lang="en">…</html>',
    },
    ...problemResponses('invalid_request', 'not_found', 'internal_error', 'service_unavailable'),
  },
});

const previewLine = z.object({
  description: z.string(),
  amount_minor: minor,
  quantity: z.int().nullable(),
  period: z.object({ start: instant, end: instant }),
  proration: z.boolean().describe('For a part of a period.'),
});

export const invoicePreview = z
  .object({
    currency,
    subtotal_minor: minor,
    total_minor: minor,
    amount_due_minor: count.describe('To be paid, in minor units of the currency.'),
    proration_at: instant
      .nullable()
      .describe('Until when time counts as used; null where no time is credited.'),
    lines: z.array(previewLine),
  })
  .meta({ id: 'InvoicePreview' });
export type InvoicePreviewWire = z.infer<typeof invoicePreview>;

export const previewBilling = defineOperation({
  operationId: 'previewBilling',
  method: 'GET',
  path: '/api/billing/preview',
  summary: 'What a plan or seats cost now',
  description:
    'The figures are those of the payment provider where a subscription runs there; nothing is changed. Otherwise they are the price of the first period, or the difference for the rest of a paid one.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  querystring: z.object({
    plan: plan.optional().describe('The current plan by default.'),
    cycle: cycle.optional().describe('The current cycle by default.'),
    seats: z.coerce.number().int().min(1).max(MAX_SEATS).optional(),
  }),
  responses: {
    200: { description: 'The preview.', schema: invoicePreview, example: example.preview },
    ...problemResponses(
      ...USER_PROBLEMS,
      'payment_provider_error',
      'unknown_plan',
      'plan_change_not_allowed',
    ),
  },
});

const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
const invoiceStatus = z.enum(INVOICE_STATUSES);
export type InvoiceStatus = z.infer<typeof invoiceStatus>;

const invoiceLine = previewLine.extend({
  period: previewLine.shape.period
    .nullable()
    .describe('Null where it begins with a payment that is not made yet, or was not recorded.'),
});

export const invoice = z
  .object({
    id: z.string(),
    number: z.string().nullable(),
    status: z.string().describe(`${INVOICE_STATUSES.map((status) => `\`${status}\``).join(', ')}.`),
    reason: z
      .string()
      .nullable()
      .describe("The provider's reason; for a manual payment the kind of its payment request."),
    currency,
    subtotal_minor: minor,
    total_minor: minor,
    amount_due_minor: minor,
    amount_paid_minor: minor,
    amount_remaining_minor: minor,
    amount_refunded_minor: count.describe('What was paid back, in minor units of the currency.'),
    created_at: instant,
    paid_at: instant.nullable(),
    next_payment_attempt_at: instant.nullable(),
    url: z.url().nullable().describe('The page on which it can be paid.'),
    pdf_url: z.url().nullable().describe('Null for manual payments.'),
    lines: z.array(invoiceLine),
  })
  .meta({ id: 'Invoice' });
export type InvoiceWire = z.infer<typeof invoice>;

export const listInvoices = defineOperation({
  operationId: 'listInvoices',
  method: 'GET',
  path: '/api/billing/invoices',
  summary: 'Your invoices',
  description: 'Newest first. Where payments are manual, each payment request is an invoice.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  querystring: z.object({
    limit: pageQuery.shape.limit,
    cursor: z.string().min(1).max(100).optional().describe('`next_cursor` of the previous page.'),
    status: invoiceStatus.optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description: 'One page of invoices.',
      schema: page(invoice, z.string()).meta({ id: 'InvoicePage' }),
      example: { data: [example.invoice], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getInvoice = defineOperation({
  operationId: 'getInvoice',
  method: 'GET',
  path: '/api/billing/invoices/{id}',
  summary: 'One invoice',
  tags,
  auth: 'user',
  scope: 'billing:read',
  params: z.object({ id: z.string().min(1).max(100) }),
  responses: {
    200: { description: 'The invoice.', schema: invoice, example: example.invoice },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const getUpcomingInvoice = defineOperation({
  operationId: 'getUpcomingInvoice',
  method: 'GET',
  path: '/api/billing/upcoming',
  summary: 'The next invoice',
  tags,
  auth: 'user',
  scope: 'billing:read',
  responses: {
    200: {
      description: 'What the next period will cost; null where no invoice is due.',
      schema: z.object({ invoice: invoicePreview.nullable() }),
      example: { invoice: example.preview },
    },
    ...problemResponses(...USER_PROBLEMS, 'payment_provider_error'),
  },
});

export const listPaymentMethods = defineOperation({
  operationId: 'listPaymentMethods',
  method: 'GET',
  path: '/api/billing/payment-methods',
  summary: 'Your payment methods',
  description:
    'The payment provider stores them; Inkmeter never sees a card. Where payments are manual, it is the bank transfer.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  responses: {
    200: {
      description: 'The payment methods.',
      schema: z.object({
        data: z.array(
          z
            .object({
              id: z.string(),
              kind: z.string(),
              brand: z.string().nullable(),
              last4: z.string().nullable(),
              exp_month: z.int().nullable(),
              exp_year: z.int().nullable(),
              is_default: z.boolean(),
            })
            .meta({ id: 'PaymentMethod' }),
        ),
        next_cursor: z.null(),
      }),
      example: { data: [example.paymentMethod], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS, 'payment_provider_error'),
  },
});

const state = z
  .object({
    status: z.string(),
    seats: z.int().nullable().describe('Seats paid for; null where the plan alone decides.'),
    scheduled_seats: z
      .int()
      .nullable()
      .describe('Seats from the end of the period on; null where they stay.'),
    paused: z.boolean(),
    cancel_at: instant.nullable(),
    current_period: z.object({ start: instant, end: instant }),
  })
  .meta({ id: 'ProviderSubscription' });
export type ProviderSubscriptionWire = z.infer<typeof state>;

const stateResponse = {
  200: { description: 'The subscription after the change.', schema: state, example: example.state },
} as const;

const change = { method: 'POST', headers: idempotencyHeaders, tags, auth: 'user' } as const;

export const setSeats = defineOperation({
  ...change,
  operationId: 'setSeats',
  path: '/api/billing/seats',
  summary: 'Change the number of seats',
  description:
    'More seats count once the rest of the period is paid: at once with a card on file, else on the page of the 402 answer. Fewer seats take effect when the period ends.',
  body: z.strictObject({ seats }).meta({ id: 'SeatChoice' }),
  bodyExample: { seats: 8 },
  responses: { ...stateResponse, ...problemResponses(...CHANGE_PROBLEMS, 'payment_required') },
});

export const cancelBilling = defineOperation({
  ...change,
  operationId: 'cancelBilling',
  path: '/api/billing/cancel',
  summary: 'Cancel now or with the period',
  description: '`now` ends access at once and refunds nothing.',
  body: z
    .strictObject({ when: z.enum(['now', 'period_end']).default('period_end') })
    .meta({ id: 'CancelChoice' }),
  bodyExample: { when: 'period_end' },
  responses: { ...stateResponse, ...problemResponses(...CHANGE_PROBLEMS) },
});

export const pauseBilling = defineOperation({
  ...change,
  operationId: 'pauseBilling',
  path: '/api/billing/pause',
  summary: 'Pause',
  description: 'The paid period is served. Then the account has the default plan, and nothing is charged.',
  responses: { ...stateResponse, ...problemResponses(...CHANGE_PROBLEMS, 'payment_required') },
});

export const resumeBilling = defineOperation({
  ...change,
  operationId: 'resumeBilling',
  path: '/api/billing/resume',
  summary: 'End a pause',
  description:
    'Payments are collected from the next period on. Where payments are manual and the paid period is over, the plan is back once the payment request of the 402 answer is paid.',
  responses: {
    ...stateResponse,
    ...problemResponses(...CHANGE_PROBLEMS, 'payment_required', 'unknown_plan'),
  },
});

export const stripeWebhook = defineOperation({
  operationId: 'receiveStripeEvent',
  method: 'POST',
  path: '/api/webhooks/stripe',
  summary: 'Receive an event of Stripe',
  description:
    'For Stripe only: the body must be signed by one of the secrets in STRIPE_WEBHOOK_SECRET, at most five minutes ago. Full and thin payloads are accepted.',
  tags,
  auth: 'none',
  body: z.looseObject({ id: z.string().max(200), object: z.string().max(50), type: z.string().max(200) }),
  bodyExample: { id: 'evt_1Qx', object: 'event', type: 'invoice.paid' },
  responses: {
    200: {
      description: 'Stored. It is processed afterwards.',
      schema: z.object({ received: z.literal(true) }),
      example: { received: true },
    },
    ...problemResponses(
      'invalid_request',
      'malformed_json',
      'body_too_large',
      'payments_not_hosted',
      'internal_error',
      'service_unavailable',
    ),
  },
});

export const billingOperations = [
  startCheckout,
  openPortal,
  showPaymentPage,
  previewBilling,
  listInvoices,
  getInvoice,
  getUpcomingInvoice,
  listPaymentMethods,
  setSeats,
  cancelBilling,
  pauseBilling,
  resumeBilling,
  stripeWebhook,
] as const;
