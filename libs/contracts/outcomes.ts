/** Outcome-based billing: fees that are payable as far as an agreed goal was reached. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { OUTCOME_GOALS, OUTCOME_STATUSES } from './outcome-kinds.ts';
import { agreement as exampleAgreement, outcome as exampleOutcome } from './outcomes-examples.ts';
import { datedPageQuery, page } from './page.ts';
import { problemResponses, STAFF_PROBLEMS, USER_PROBLEMS } from './problem-responses.ts';
import { reason } from './staff-decision.ts';

/** The largest amount of one payment at Stripe, in cents. */
const MAX_FEE_MINOR = 99_999_999;

const figure = z
  .string()
  .regex(/^-?(0|[1-9]\d{0,17})(\.\d{1,9})?$/, 'must be a decimal with at most 18 digits and 9 decimal places')
  .describe('An exact decimal, such as `2.5`.');
const percent = z
  .int()
  .min(0)
  .max(1000)
  .describe('Whole percent of the way from the baseline to the target.');
const measurement = z.object({
  value: z.string(),
  measured_at: instant,
  source: z.string().describe('Where the figure comes from.'),
});

const facts = {
  id: z.uuid(),
  goal: z.enum(OUTCOME_GOALS),
  baseline: z.string().describe('The figure before the period.'),
  target: z.string().describe('The figure for which the full fee is payable.'),
  fee_minor: count.describe('The full fee, in cents.'),
  currency: z.literal('USD'),
  starts_at: instant,
  ends_at: instant,
  status: z
    .enum(OUTCOME_STATUSES)
    .describe('`open` until it is settled; `due` until it is paid; `settled_free` where nothing is payable.'),
  achieved_percent: percent.describe('By the latest measurement; at most 1000.'),
  payable_minor: count.describe(
    'What is payable, in cents; as long as the agreement is open, what would be payable now.',
  ),
  amount_minor: count.nullable().describe('What is payable, in cents; null until it is settled.'),
  milestones: z.array(
    z.object({
      percent: z.int().describe('25, 50, 75 or 100.'),
      payable_minor: count.describe('What is payable from this milestone on, in cents.'),
      reached_at: instant.nullable().describe('When the figure that reached it was measured.'),
    }),
  ),
  latest_measurement: measurement.nullable(),
  invoice_id: z.string().nullable().describe('As in `GET /api/billing/invoices/{id}`.'),
  created_at: instant,
  updated_at: instant,
};

const outcome = z.object(facts).meta({ id: 'Outcome' });
export type OutcomeWire = z.infer<typeof outcome>;

const outcomeAgreement = z
  .object({ ...facts, account_id: z.uuid(), created_by: z.string() })
  .meta({ id: 'OutcomeAgreement' });
export type OutcomeAgreementWire = z.infer<typeof outcomeAgreement>;

const staffTags = ['Admin'];
const userTags = ['Billing'];
const params = z.object({ id: z.uuid() });
const accountParams = z.object({ account_id: z.uuid() });
const PROBLEMS = [...STAFF_PROBLEMS, 'not_found'] as const;

const agreementTerms = z
  .strictObject({
    goal: z.enum(OUTCOME_GOALS),
    baseline: figure,
    target: figure.describe('Other than the baseline; below it where less is better.'),
    fee_minor: z.int().min(1).max(MAX_FEE_MINOR).describe('For the whole target, in cents.'),
    starts_at: instant,
    ends_at: instant,
    reason,
  })
  .meta({ id: 'OutcomeTerms' });
export type OutcomeTerms = z.output<typeof agreementTerms>;

const measurementBody = z
  .strictObject({
    value: figure,
    measured_at: instant.describe('Within the period, and not in the future.'),
    source: z.string().trim().min(1).max(500).describe('Where the figure comes from.'),
  })
  .meta({ id: 'OutcomeMeasurement' });
export type OutcomeMeasurementBody = z.output<typeof measurementBody>;

export const createOutcomeAgreement = defineOperation({
  operationId: 'createOutcomeAgreement',
  method: 'POST',
  path: '/api/admin/accounts/{account_id}/outcome-agreements',
  headers: idempotencyHeaders,
  summary: 'Agree on a fee by outcome',
  description:
    'The full fee is payable from 100 % of the way from the baseline to the target on, 75 % of it from 75 % on, 50 % from 50 % on, 25 % from 25 % on, and nothing below.',
  tags: staffTags,
  auth: 'staff',
  params: accountParams,
  body: agreementTerms,
  bodyExample: {
    goal: 'lead_generation',
    baseline: '200',
    target: '600',
    fee_minor: 120_000,
    starts_at: '2026-09-01T00:00:00.000Z',
    ends_at: '2026-12-01T00:00:00.000Z',
    reason: 'Contract 2026-118',
  },
  responses: {
    201: { description: 'The agreement.', schema: outcomeAgreement, example: exampleAgreement.created },
    ...problemResponses(...PROBLEMS, 'semantic_error'),
  },
});

export const listOutcomeAgreements = defineOperation({
  operationId: 'listOutcomeAgreements',
  method: 'GET',
  path: '/api/admin/accounts/{account_id}/outcome-agreements',
  summary: "List an account's fees by outcome",
  description: 'Newest first.',
  tags: staffTags,
  auth: 'staff',
  params: accountParams,
  querystring: datedPageQuery,
  responses: {
    200: {
      description: 'One page of agreements.',
      schema: page(outcomeAgreement).meta({ id: 'OutcomeAgreementPage' }),
      example: { data: [exampleAgreement.measured], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const addOutcomeMeasurement = defineOperation({
  operationId: 'addOutcomeMeasurement',
  method: 'POST',
  path: '/api/admin/outcome-agreements/{id}/measurements',
  headers: idempotencyHeaders,
  summary: 'Add a measurement',
  description:
    'The measurement with the latest `measured_at` counts; of several for the same time, the one that was added last. A milestone that is reached is announced once and stays reached.',
  tags: staffTags,
  auth: 'staff',
  params,
  body: measurementBody,
  bodyExample: {
    value: '512',
    measured_at: '2026-11-20T00:00:00.000Z',
    source: 'CRM report of 20 November',
  },
  responses: {
    201: {
      description: 'The agreement with it.',
      schema: outcomeAgreement,
      example: exampleAgreement.measured,
    },
    ...problemResponses(...PROBLEMS, 'semantic_error', 'conflict'),
  },
});

export const settleOutcome = defineOperation({
  operationId: 'settleOutcomeAgreement',
  method: 'POST',
  path: '/api/admin/outcome-agreements/{id}/settle',
  headers: idempotencyHeaders,
  summary: 'Settle an agreement',
  description:
    'Once its period has ended. The latest measurement decides what is payable; without one, nothing is. A payment provider invoices the amount; otherwise it is due until staff mark it as paid. Repeated calls change nothing.',
  tags: staffTags,
  auth: 'staff',
  params,
  responses: {
    200: {
      description: 'The settled agreement.',
      schema: outcomeAgreement,
      example: exampleAgreement.due,
    },
    ...problemResponses(...PROBLEMS, 'conflict'),
  },
});

export const cancelOutcome = defineOperation({
  operationId: 'cancelOutcomeAgreement',
  method: 'POST',
  path: '/api/admin/outcome-agreements/{id}/cancel',
  headers: idempotencyHeaders,
  summary: 'Cancel an open agreement',
  description: 'Nothing is payable. Repeated calls change nothing.',
  tags: staffTags,
  auth: 'staff',
  params,
  body: z.strictObject({ reason }),
  bodyExample: { reason: 'The campaign was called off' },
  responses: {
    200: {
      description: 'The cancelled agreement.',
      schema: outcomeAgreement,
      example: { ...exampleAgreement.measured, status: 'cancelled', payable_minor: 0 },
    },
    ...problemResponses(...PROBLEMS, 'conflict'),
  },
});

export const markOutcomePaid = defineOperation({
  operationId: 'markOutcomeAgreementPaid',
  method: 'POST',
  path: '/api/admin/outcome-agreements/{id}/mark-paid',
  headers: idempotencyHeaders,
  summary: 'Mark an agreement as paid',
  description:
    'Only where payments are manual: a payment provider reports the payments of its invoices. Repeated calls change nothing.',
  tags: staffTags,
  auth: 'staff',
  params,
  body: z.strictObject({ note: reason.describe('For example the reference of the transfer.') }),
  bodyExample: { note: 'Bank transfer of 4 December' },
  responses: {
    200: {
      description: 'The agreement, paid.',
      schema: outcomeAgreement,
      example: { ...exampleAgreement.due, status: 'paid', invoice_id: null },
    },
    ...problemResponses(...PROBLEMS, 'conflict'),
  },
});

export const listOutcomes = defineOperation({
  operationId: 'listOutcomes',
  method: 'GET',
  path: '/api/billing/outcomes',
  summary: 'Your fees by outcome',
  description: 'Newest first.',
  tags: userTags,
  auth: 'user',
  scope: 'billing:read',
  querystring: datedPageQuery,
  responses: {
    200: {
      description: 'One page of agreements.',
      schema: page(outcome).meta({ id: 'OutcomePage' }),
      example: { data: [exampleOutcome], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getOutcome = defineOperation({
  operationId: 'getOutcome',
  method: 'GET',
  path: '/api/billing/outcomes/{id}',
  summary: 'One fee by outcome',
  description: 'Its progress, the milestones that were reached, and what would be payable now.',
  tags: userTags,
  auth: 'user',
  scope: 'billing:read',
  params,
  responses: {
    200: { description: 'The agreement.', schema: outcome, example: exampleOutcome },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const outcomeOperations = [
  createOutcomeAgreement,
  listOutcomeAgreements,
  addOutcomeMeasurement,
  settleOutcome,
  cancelOutcome,
  markOutcomePaid,
  listOutcomes,
  getOutcome,
] as const;
