/** Examples for the OpenAPI document; checked against the schemas by a test. */
import { planDifferences } from './plans-examples.ts';
import { accountId } from './usage-examples.ts';

export const changePreview = {
  plan: 'pro',
  cycle: 'month',
  direction: 'upgrade',
  available: true,
  unavailable_reason: null,
  effective: 'on_payment',
  effective_at: null,
  currency: 'USD',
  amount_due_now_minor: 2500,
  recurring_minor: 7900,
  proration: {
    period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
    period_seconds: 2_592_000,
    remaining_seconds: 1_296_000,
    charge_minor: 3950,
    credit_minor: 1450,
  },
  changes: planDifferences,
  over_limits: [],
};

export const billingEvent = {
  id: '019e3f61-3333-7a10-8c01-5d2f7b9a4e30',
  account_id: accountId,
  kind: 'trial_ends_in_3_days',
  subject: '019e3f61-4444-7a10-8c01-5d2f7b9a4e31',
  occurred_at: '2026-12-01T12:00:00.000Z',
  data: { plan: 'pro', ends_at: '2026-12-04T12:00:00.000Z' },
};
