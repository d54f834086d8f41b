/** What subscriptions bring in, for staff. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const revenue = z
  .object({
    as_of: instant,
    currency: z.string(),
    mrr_minor: count.describe(
      'Monthly recurring revenue in minor units: list prices times seats, a year as twelve months. Plans that wait for a late payment count; trials, free, assigned and paused plans do not.',
    ),
    arr_minor: count.describe('Twelve times the monthly figure.'),
    committed_mrr_minor: count.describe('Without the plans that are cancelled at the end of their period.'),
    paying_accounts: count,
    past_due_accounts: count.describe('Of the paying ones.'),
    trialing_accounts: count,
    paused_accounts: count,
    plans: z.array(z.object({ plan: z.string(), accounts: count, mrr_minor: count })),
  })
  .meta({ id: 'RecurringRevenue' });
export type RevenueWire = z.infer<typeof revenue>;

export const getRecurringRevenue = defineOperation({
  operationId: 'getRecurringRevenue',
  method: 'GET',
  path: '/api/admin/billing/revenue',
  summary: 'Recurring revenue',
  description: 'Before discounts and taxes, at the prices under which the plans were sold.',
  tags: ['Admin'],
  auth: 'staff',
  responses: {
    200: {
      description: 'The figures.',
      schema: revenue,
      example: {
        as_of: '2026-11-27T08:00:00.000Z',
        currency: 'USD',
        mrr_minor: 1_250_000,
        arr_minor: 15_000_000,
        committed_mrr_minor: 1_240_000,
        paying_accounts: 150,
        past_due_accounts: 2,
        trialing_accounts: 12,
        paused_accounts: 1,
        plans: [{ plan: 'pro', accounts: 150, mrr_minor: 1_250_000 }],
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'internal_error'),
  },
});

export const revenueOperations = [getRecurringRevenue] as const;
