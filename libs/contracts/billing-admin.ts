/** Plans and payments of accounts, for staff. */
import { z } from 'zod';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { examplePaymentRequest, PAYMENT_STATUSES, paymentRequest } from './payment-requests.ts';
import { currentSubscription, cycle } from './plans.ts';
import { currentSubscription as exampleSubscription } from './plans-examples.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { billingEventKind, billingEventPage } from './subscriptions.ts';
import { billingEvent as exampleEvent } from './subscriptions-examples.ts';
import { accountId } from './usage-examples.ts';

const tags = ['Admin'];
const params = z.object({ id: z.uuid() });
const reason = z.string().trim().min(1).max(500);

const openRequest = {
  ...examplePaymentRequest,
  account_id: accountId,
  catalogue_version_id: '019e3f5d-0000-7a10-8c01-5d2f7b9a4e01',
  driver: 'manual',
  driver_reference: examplePaymentRequest.id,
  settled_at: null,
  settled_by: null,
  note: null,
};
const settled = {
  updated_at: '2026-11-21T09:00:00.000Z',
  settled_at: '2026-11-21T09:00:00.000Z',
  settled_by: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
};

export const assignPlan = defineOperation({
  operationId: 'assignPlan',
  method: 'POST',
  path: '/api/plans/assign',
  headers: idempotencyHeaders,
  summary: 'Assign a plan to an account',
  description:
    'The plan takes effect at once, without payment, and renews until it is changed. A plan with a negotiated price can only be assigned.',
  tags,
  auth: 'staff',
  body: z
    .strictObject({
      account_id: z.uuid(),
      plan: z
        .string()
        .min(1)
        .max(100)
        .describe('Key or alias of any plan of the catalogue, including unlisted ones.'),
      cycle: cycle.default('month'),
      reason: reason.describe('Recorded in the audit log.'),
    })
    .meta({ id: 'PlanAssignment' }),
  bodyExample: { account_id: accountId, plan: 'enterprise', reason: 'Contract 2026-118' },
  responses: {
    200: {
      description: "The account's subscription after the change.",
      schema: currentSubscription,
      example: exampleSubscription,
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found', 'unknown_plan', 'plan_change_not_allowed'),
  },
});

export const listPaymentRequests = defineOperation({
  operationId: 'listPaymentRequests',
  method: 'GET',
  path: '/api/admin/payment-requests',
  summary: 'List payment requests',
  description: 'Newest first.',
  tags,
  auth: 'staff',
  querystring: pageQuery.extend({
    status: z.enum(PAYMENT_STATUSES).optional(),
    account_id: z.uuid().optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description: 'One page of payment requests.',
      schema: page(paymentRequest).meta({ id: 'PaymentRequestPage' }),
      example: { data: [openRequest], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const markPaymentRequestPaid = defineOperation({
  operationId: 'markPaymentRequestPaid',
  method: 'POST',
  path: '/api/admin/payment-requests/{id}/mark-paid',
  headers: idempotencyHeaders,
  summary: 'Mark a payment request as paid',
  description:
    'The purchase takes effect at once. Repeated calls change nothing. A void request cannot be paid.',
  tags,
  auth: 'staff',
  params,
  body: z.strictObject({ note: reason.describe('For example the reference of the transfer.') }),
  bodyExample: { note: 'Bank transfer of 21 November' },
  responses: {
    200: {
      description: 'The request, paid.',
      schema: paymentRequest,
      example: { ...openRequest, ...settled, status: 'paid', note: 'Bank transfer of 21 November' },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const voidPaymentRequest = defineOperation({
  operationId: 'voidPaymentRequest',
  method: 'POST',
  path: '/api/admin/payment-requests/{id}/void',
  headers: idempotencyHeaders,
  summary: 'Void a payment request',
  tags,
  auth: 'staff',
  params,
  body: z.strictObject({ note: reason.describe('Why.') }),
  bodyExample: { note: 'Asked for by mistake' },
  responses: {
    200: {
      description: 'The request, void.',
      schema: paymentRequest,
      example: { ...openRequest, ...settled, status: 'void', note: 'Asked for by mistake' },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const listBillingEvents = defineOperation({
  operationId: 'listBillingEvents',
  method: 'GET',
  path: '/api/admin/billing-events',
  summary: 'The history of subscriptions',
  description: 'Events of all accounts or of one, newest first.',
  tags,
  auth: 'staff',
  querystring: pageQuery.extend({
    account_id: z.uuid().optional(),
    kind: billingEventKind.optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description: 'One page of events.',
      schema: billingEventPage,
      example: { data: [exampleEvent], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const billingAdminOperations = [
  assignPlan,
  listPaymentRequests,
  markPaymentRequestPaid,
  voidPaymentRequest,
  listBillingEvents,
] as const;
