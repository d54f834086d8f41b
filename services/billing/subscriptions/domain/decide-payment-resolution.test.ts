import t from 'tap';
import { decidePaymentResolution } from './decide-payment-resolution.ts';
import {
  contextAt,
  free,
  kindsOf,
  newerVersion,
  paid,
  pastDue,
  periodEnd,
  requestOf,
  stateOf,
  trialingPro,
} from './decisions.fixture.ts';
import type { SubscriptionState } from './state.ts';

const later = new Date('2026-11-22T12:00:00.000Z');
const staff = { actor: 'staff-1', requestId: 'r-1' };
const resolve = (
  state: SubscriptionState,
  status: 'paid' | 'void',
  { isStaff = false }: { isStaff?: boolean } = {},
) =>
  decidePaymentResolution(
    state,
    { requestId: 'request-1', status, note: 'Transfer', by: 'manual', staff: isStaff ? staff : null },
    contextAt(later),
  );

t.test('a paid request gives its plan from the moment of payment', async (t) => {
  const decision = resolve(stateOf(free, { paymentRequests: [requestOf()] }), 'paid');
  t.match(decision.outcome, {
    kind: 'payment_resolved',
    request: {
      ...{ status: 'paid', settledAt: later, settledBy: 'manual', note: 'Transfer' },
      ...{ periodStart: later, periodEnd: new Date('2026-12-22T12:00:00.000Z') },
    },
  });
  t.match(decision.subscription, {
    planKey: 'pro',
    status: 'active',
    anchor: later,
    currentPeriodStart: later,
    currentPeriodEnd: new Date('2026-12-22T12:00:00.000Z'),
  });
  t.strictSame(kindsOf(decision), [
    'payment_resolved',
    'event:payment_received',
    'trial_converted',
    'notice:plan_changed',
  ]);
});

t.test('the rest of a period keeps the period', async (t) => {
  const request = requestOf({ kind: 'rest_of_period', periodStart: later, periodEnd });
  const decision = resolve(stateOf(paid('starter'), { paymentRequests: [request] }), 'paid');
  t.match(decision.subscription, { planKey: 'pro', currentPeriodEnd: periodEnd });
  t.match(decision.outcome, { request: { periodStart: later, periodEnd } });
});

t.test('a period with a credit starts when it was requested', async (t) => {
  const request = requestOf({ cycle: 'year', createdAt: new Date('2026-11-21T12:00:00.000Z') });
  const decision = resolve(stateOf(paid('pro'), { paymentRequests: [request] }), 'paid');
  t.match(decision.subscription, { cycle: 'year', currentPeriodStart: request.createdAt });
});

t.test('a paid renewal activates the current period', async (t) => {
  const request = requestOf({ kind: 'renewal' });
  const decision = resolve(stateOf(pastDue, { paymentRequests: [request] }), 'paid');
  t.match(decision.subscription, { status: 'active', currentPeriodEnd: pastDue.currentPeriodEnd });
  t.strictSame(kindsOf(decision), ['payment_resolved', 'event:payment_received', 'event:renewed']);
});

t.test('a payment during a trial ends and converts it', async (t) => {
  const decision = resolve(stateOf(trialingPro, { paymentRequests: [requestOf()] }), 'paid');
  t.match(decision.subscription, { status: 'active', trialEndsAt: null });
  t.strictSame(kindsOf(decision).slice(2), [
    'trial_converted',
    'trial_ended',
    'event:trial_ended',
    'notice:plan_changed',
  ]);
});

t.test('a purchase follows its subscription to a newer catalogue version', async (t) => {
  const moved = { ...free, catalogueVersionId: newerVersion.id };
  const state = stateOf(moved, { offered: newerVersion, paymentRequests: [requestOf()] });
  t.match(resolve(state, 'paid').subscription, {
    planKey: 'pro',
    catalogueVersionId: newerVersion.id,
    periodPaidMinor: 7900,
  });
});

t.test('a void request changes no subscription', async (t) => {
  const decision = resolve(stateOf(free, { paymentRequests: [requestOf()] }), 'void');
  t.equal(decision.subscription, free);
  t.match(decision.outcome, { kind: 'payment_resolved', request: { status: 'void' } });
  t.strictSame(kindsOf(decision), ['payment_resolved', 'event:payment_voided']);
});

t.test('a resolution by staff is audited', async (t) => {
  for (const [status, action] of [
    ['paid', 'payment.marked_paid'],
    ['void', 'payment.voided'],
  ] as const) {
    const { effects } = resolve(stateOf(free, { paymentRequests: [requestOf()] }), status, { isStaff: true });
    t.match(
      effects.find(({ kind }) => kind === 'audit'),
      { entry: { by: staff, action, before: { status: 'open' }, after: { status }, reason: 'Transfer' } },
    );
  }
});

t.test('a request is resolved once', async (t) => {
  const cases = [
    { first: 'paid', second: 'paid', outcome: { kind: 'payment_resolved', request: { note: 'first' } } },
    { first: 'void', second: 'void', outcome: { kind: 'payment_resolved', request: { note: 'first' } } },
    { first: 'void', second: 'paid', outcome: { refusal: { code: 'payment_request_void', note: 'first' } } },
    { first: 'paid', second: 'void', outcome: { refusal: { code: 'payment_request_paid' } } },
  ] as const;
  for (const { first: status, second, outcome } of cases) {
    const decision = resolve(
      stateOf(free, { paymentRequests: [requestOf({ status, note: 'first' })] }),
      second,
    );
    t.match(decision.outcome, outcome, `${status}, then ${second}`);
    t.strictSame([decision.subscription, decision.effects], [free, []]);
  }
  t.match(resolve(stateOf(free), 'paid').outcome, { refusal: { code: 'unknown_payment_request' } });
});
