/** Payments through a payment provider, for staff. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { accountId } from './usage-examples.ts';

const tags = ['Admin'];
const reason = z.string().trim().min(1).max(500).describe('Recorded in the audit log.');
const PROBLEMS = [...STAFF_PROBLEMS, 'not_found', 'payments_not_hosted', 'payment_provider_error'] as const;

const repaymentBody = z
  .strictObject({
    invoice_id: z
      .string()
      .min(1)
      .max(100)
      .describe("The provider's id; where payments are manual, the id of the payment request."),
    amount_minor: count
      .min(1)
      .optional()
      .describe('In minor units; by default all that is left of the invoice.'),
    reason,
  })
  .meta({ id: 'RepaymentChoice' });
const bodyExample = { invoice_id: 'in_1Qx', amount_minor: 1000, reason: 'Outage of 21 November' };

const repayment = z
  .object({
    id: z.uuid(),
    account_id: z.uuid(),
    kind: z.enum(['refund', 'credit_note']),
    invoice_id: z.string(),
    amount_minor: count,
    currency: z.string(),
    reason: z.string(),
    provider_id: z.string().nullable().describe('Null for a manual payment.'),
  })
  .meta({ id: 'Repayment' });
export type RepaymentWire = z.infer<typeof repayment>;

const exampleRepayment: RepaymentWire = {
  id: '019e3f61-5555-7a10-8c01-5d2f7b9a4e50',
  account_id: accountId,
  kind: 'refund',
  invoice_id: 'in_1Qx',
  amount_minor: 1000,
  currency: 'USD',
  reason: 'Outage of 21 November',
  provider_id: 're_1Qx',
};

export const refundInvoice = defineOperation({
  operationId: 'refundInvoice',
  method: 'POST',
  path: '/api/admin/billing/refunds',
  headers: idempotencyHeaders,
  summary: 'Refund an invoice',
  description:
    'Pays back to the card what the invoice collected, in whole or in part. The plan stays as it is. A manual payment is not collected here, so its refund is only recorded: return the money yourself.',
  tags,
  auth: 'staff',
  body: repaymentBody,
  bodyExample,
  responses: {
    200: { description: 'The refund.', schema: repayment, example: exampleRepayment },
    ...problemResponses(...PROBLEMS, 'semantic_error', 'idempotency_key_reused'),
  },
});

export const creditInvoice = defineOperation({
  operationId: 'creditInvoice',
  method: 'POST',
  path: '/api/admin/billing/credit-notes',
  headers: idempotencyHeaders,
  summary: 'Issue a credit note',
  description:
    'Lowers an open invoice. For a paid one, the amount reduces the next invoices. Refused with `payments_not_hosted` for manual payments: a payment request is paid in full and has no balance to credit.',
  tags,
  auth: 'staff',
  body: repaymentBody,
  bodyExample,
  responses: {
    200: {
      description: 'The credit note.',
      schema: repayment,
      example: { ...exampleRepayment, kind: 'credit_note', provider_id: 'cn_1Qx' },
    },
    ...problemResponses(...PROBLEMS, 'semantic_error'),
  },
});

export const replayEvent = defineOperation({
  operationId: 'replayBillingEvent',
  method: 'POST',
  path: '/api/admin/billing/events/{event_id}/replay',
  headers: idempotencyHeaders,
  summary: 'Process an event again',
  description: 'Reads its object again at the payment provider.',
  tags,
  auth: 'staff',
  params: z.object({ event_id: z.string().min(1).max(200) }),
  body: z.strictObject({ reason }).meta({ id: 'ReplayChoice' }),
  bodyExample: { reason: 'Failed during the outage' },
  responses: {
    202: {
      description: 'It will be processed.',
      schema: z.object({ event_id: z.string(), type: z.string() }),
      example: { event_id: 'evt_1Qx', type: 'invoice.paid' },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const resyncAccount = defineOperation({
  operationId: 'resyncBillingAccount',
  method: 'POST',
  path: '/api/admin/billing/accounts/{account_id}/resync',
  headers: idempotencyHeaders,
  summary: "Read an account's subscription again",
  tags,
  auth: 'staff',
  params: z.object({ account_id: z.uuid() }),
  body: z.strictObject({ reason }).meta({ id: 'ResyncChoice' }),
  bodyExample: { reason: 'The customer reports a wrong plan' },
  responses: {
    202: {
      description: 'The subscriptions that will be read.',
      schema: z.object({ subscriptions: z.array(z.string()) }),
      example: { subscriptions: ['sub_1Qx'] },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const getDrift = defineOperation({
  operationId: 'getBillingDrift',
  method: 'GET',
  path: '/api/admin/billing/drift',
  summary: 'Differences from the payment provider',
  description:
    'Events that wait, and subscriptions that differed at the last comparison, which runs every night and repairs them.',
  tags,
  auth: 'staff',
  responses: {
    200: {
      description: 'The differences.',
      schema: z
        .object({
          waiting_events: count,
          oldest_waiting_at: instant.nullable(),
          events_read_until: instant.nullable(),
          compared_at: instant.nullable(),
          subscriptions: z.array(
            z.object({
              subscription_id: z.string(),
              account_id: z.uuid().nullable(),
              differences: z.record(
                z.string(),
                z.object({ ours: z.string().nullable(), theirs: z.string().nullable() }),
              ),
              found_at: instant,
            }),
          ),
        })
        .meta({ id: 'BillingDrift' }),
      example: {
        waiting_events: 0,
        oldest_waiting_at: null,
        events_read_until: '2026-11-27T08:00:00.000Z',
        compared_at: '2026-11-27T02:41:00.000Z',
        subscriptions: [
          {
            subscription_id: 'sub_1Qx',
            account_id: accountId,
            differences: { status: { ours: 'active', theirs: 'past_due' } },
            found_at: '2026-11-27T02:41:00.000Z',
          },
        ],
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'payments_not_hosted'),
  },
});

export const billingProviderAdminOperations = [
  refundInvoice,
  creditInvoice,
  replayEvent,
  resyncAccount,
  getDrift,
] as const;
