/** Requests for payments. A plan changes when its request is paid. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';

export const PAYMENT_STATUSES = ['open', 'paid', 'void'] as const;

const shape = {
  id: z.uuid(),
  kind: z
    .enum(['new_period', 'rest_of_period', 'renewal'])
    .describe(
      '`new_period`: a plan from the time of payment; `rest_of_period`: an upgrade for the rest of the current period; `renewal`: the current period.',
    ),
  plan: z.string(),
  cycle: z.enum(['month', 'year']),
  seats: z.int().nullable().describe('Seats that are paid for; null where the plan alone decides.'),
  amount_minor: count.describe('In cents.'),
  currency: z.literal('USD'),
  status: z.enum(PAYMENT_STATUSES),
  instructions: z
    .string()
    .nullable()
    .describe('How to pay; null until the payment driver has accepted the request.'),
  created_at: instant,
  updated_at: instant.describe('When it was created, paid or voided.'),
  expires_at: instant.describe('The request is void from this time on.'),
};

/** A request as its account sees it. */
export const paymentRequestSummary = z.object(shape).meta({ id: 'PaymentRequestSummary' });
export type PaymentRequestSummary = z.infer<typeof paymentRequestSummary>;

/** A request as staff see it. */
export const paymentRequest = z
  .object({
    ...shape,
    account_id: z.uuid(),
    catalogue_version_id: z.uuid(),
    driver: z.string().describe('The payment driver that collects it, such as `manual`.'),
    driver_reference: z.string().nullable(),
    settled_at: instant.nullable().describe('When it was paid or voided.'),
    settled_by: z.string().nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: 'PaymentRequest' });
export type PaymentRequestWire = z.infer<typeof paymentRequest>;

export const examplePaymentRequest: PaymentRequestSummary = {
  id: '019e3f61-2222-7a10-8c01-5d2f7b9a4e20',
  kind: 'new_period',
  plan: 'pro',
  cycle: 'month',
  seats: null,
  amount_minor: 7900,
  currency: 'USD',
  status: 'open',
  instructions: 'Transfer 79.00 USD and state 019e3f61-2222-7a10-8c01-5d2f7b9a4e20 as the purpose.',
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
  expires_at: '2026-12-20T12:00:00.000Z',
};
