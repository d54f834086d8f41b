/** Examples of fees by outcome; checked against the schemas by a test. */
import { accountId } from './usage-examples.ts';

const milestonesUntil = (reached: Readonly<Record<number, string>>) =>
  [25, 50, 75, 100].map((percent) => ({
    percent,
    payable_minor: percent * 1_200,
    reached_at: reached[percent] ?? null,
  }));

const created = {
  id: '019e3f61-6666-7a10-8c01-5d2f7b9a4e70',
  goal: 'lead_generation',
  baseline: '200',
  target: '600',
  fee_minor: 120_000,
  currency: 'USD',
  starts_at: '2026-09-01T00:00:00.000Z',
  ends_at: '2026-12-01T00:00:00.000Z',
  status: 'open',
  achieved_percent: 0,
  payable_minor: 0,
  amount_minor: null,
  milestones: milestonesUntil({}),
  latest_measurement: null,
  invoice_id: null,
  created_at: '2026-08-28T12:00:00.000Z',
  updated_at: '2026-08-28T12:00:00.000Z',
};

export const outcome = {
  ...created,
  achieved_percent: 78,
  payable_minor: 90_000,
  milestones: milestonesUntil({
    25: '2026-10-01T00:00:00.000Z',
    50: '2026-11-20T00:00:00.000Z',
    75: '2026-11-20T00:00:00.000Z',
  }),
  latest_measurement: {
    value: '512',
    measured_at: '2026-11-20T00:00:00.000Z',
    source: 'CRM report of 20 November',
  },
  updated_at: '2026-11-21T09:00:00.000Z',
};

const staffFields = { account_id: accountId, created_by: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11' };

const measured = { ...outcome, ...staffFields };

/** As staff see it: in the course of time. */
export const agreement = {
  created: { ...created, ...staffFields },
  measured,
  due: {
    ...measured,
    status: 'due',
    amount_minor: 90_000,
    updated_at: '2026-12-01T09:00:00.000Z',
  },
};
