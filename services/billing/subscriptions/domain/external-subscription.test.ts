import t from 'tap';
import { ACCESS_BY_STATE, accessOf, type ExternalSubscription } from './external-subscription.ts';

const DAY_MS = 86_400_000;
const day = (n: number) => new Date(Date.UTC(2026, 10, n));

const external: ExternalSubscription = {
  id: 'sub_1',
  status: 'active',
  plan: { planKey: 'pro', cycle: 'month' },
  quantity: 1,
  anchor: day(1),
  currentPeriodStart: day(1),
  currentPeriodEnd: day(30),
  paidThrough: day(30),
  trialEndsAt: null,
  cancelAt: null,
  isPaused: false,
  createdAt: day(1),
  scheduled: null,
};

t.test(
  'given the states of a subscription, then access lasts to the end of what was paid, and the grace period',
  async (t) => {
    const until = (status: string, end: number) => ({ kind: 'granted', status, until: day(end) });
    const none = { kind: 'none' };
    const cases: [string, Partial<ExternalSubscription>, object][] = [
      ['paid', {}, until('active', 33)],
      ['active before its payment', { paidThrough: day(1) }, until('active', 4)],
      [
        'in a trial',
        { status: 'trialing', paidThrough: day(15), trialEndsAt: day(15) },
        until('trialing', 18),
      ],
      ['with a failed renewal', { status: 'past_due', paidThrough: day(1) }, until('past_due', 4)],
      ['ending with the period', { cancelAt: day(30) }, until('active', 30)],
      ['ending after an unpaid period', { cancelAt: day(30), paidThrough: day(1) }, until('active', 4)],
      ['with paused payments', { isPaused: true }, until('active', 30)],
      ['unpaid', { status: 'unpaid' }, none],
      ['paused', { status: 'paused' }, none],
      ['incomplete', { status: 'incomplete' }, none],
      ['never begun', { status: 'incomplete_expired' }, none],
      ['cancelled', { status: 'canceled' }, none],
      ['in a state of a later version', { status: 'resting' }, { kind: 'unknown' }],
    ];
    for (const [what, change, access] of cases) {
      t.strictSame(accessOf({ ...external, ...change }, 3 * DAY_MS), access, what);
    }
    t.equal(Object.keys(ACCESS_BY_STATE).length, 8, 'each state that Stripe documents is listed');
  },
);
