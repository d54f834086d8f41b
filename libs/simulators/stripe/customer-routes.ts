import { emit, find, newId, nowOn } from './account.ts';
import { attachCard, createCheckout } from './checkout.ts';
import { portalObject } from './checkout-objects.ts';
import { customerObject, testClockObject } from './customer-objects.ts';
import { invalid } from './fault.ts';
import { group, integer, metadataOf, needText, text } from './form.ts';
import { advanceTestClock } from './lifecycle.ts';
import { type Call, pageOf, type Route } from './route.ts';
import { idOf, listObject } from './subscription-objects.ts';

/** Stripe's test payment methods, by the card they stand for and what it does. */
const TEST_METHODS: Readonly<Record<string, { last4: string; behaviour: 'ok' | 'declined' | 'challenge' }>> =
  {
    pm_card_visa: { last4: '4242', behaviour: 'ok' },
    pm_card_chargeCustomerFail: { last4: '0341', behaviour: 'declined' },
    pm_card_authenticationRequired: { last4: '3184', behaviour: 'challenge' },
  };

function listMethods({ account, form, id }: Call, customer = id): object {
  const rows = Object.values(account.data.paymentMethods).filter(
    (method) => method.customer !== null && idOf(method.customer) === customer,
  );
  return pageOf(rows, form, '/v1/payment_methods');
}

/** Customers, their cards, checkout and portal sessions, and test clocks. */
export const CUSTOMER_ROUTES: readonly Route[] = [
  [
    'POST',
    '/v1/customers',
    ({ account, form }) => {
      const testClock = text(form, 'test_clock') ?? null;
      const customer = customerObject(
        { id: newId(account, 'cus'), created: nowOn(account, testClock) },
        {
          email: text(form, 'email') ?? null,
          name: text(form, 'name') ?? null,
          metadata: metadataOf(form),
          testClock,
        },
      );
      account.data.customers[customer.id] = customer;
      emit(account, 'customer.created', customer, testClock);
      return customer;
    },
  ],
  ['GET', '/v1/customers/:id', ({ account, id }) => find(account.data.customers, 'customer', id)],
  ['GET', '/v1/customers/:id/payment_methods', (call) => listMethods(call)],
  [
    'POST',
    '/v1/customers/:id',
    ({ account, form, id }) => {
      const customer = find(account.data.customers, 'customer', id);
      customer.email = text(form, 'email') ?? customer.email;
      customer.metadata = metadataOf(form, customer.metadata);
      const method = text(group(form, 'invoice_settings') ?? {}, 'default_payment_method');
      if (method !== undefined)
        customer.invoice_settings.default_payment_method = method === '' ? null : method;
      emit(account, 'customer.updated', customer, customer.test_clock);
      return customer;
    },
  ],
  [
    'GET',
    '/v1/customers',
    ({ account, form }) => {
      const email = text(form, 'email');
      const rows = Object.values(account.data.customers).filter(
        (customer) => email === undefined || customer.email === email,
      );
      return pageOf(rows, form, '/v1/customers');
    },
  ],
  [
    'POST',
    '/v1/payment_methods/:id/attach',
    ({ account, form, id }) => {
      const known = TEST_METHODS[id];
      if (known === undefined) throw invalid(`Attach one of ${Object.keys(TEST_METHODS).join(', ')}.`, 'id');
      const customer = find(account.data.customers, 'customer', needText(form, 'customer'));
      return attachCard(account, customer, known.last4, known.behaviour);
    },
  ],
  [
    'POST',
    '/v1/payment_methods/:id/detach',
    ({ account, id }) => {
      const method = find(account.data.paymentMethods, 'payment method', id);
      method.customer = null;
      emit(account, 'payment_method.detached', method);
      return method;
    },
  ],
  [
    'GET',
    '/v1/payment_methods',
    (call) =>
      text(call.form, 'customer') === undefined
        ? listObject([], '/v1/payment_methods')
        : listMethods(call, text(call.form, 'customer')),
  ],
  [
    'GET',
    '/v1/payment_methods/:id',
    ({ account, id }) => find(account.data.paymentMethods, 'payment method', id),
  ],
  ['POST', '/v1/checkout/sessions', ({ account, form }) => createCheckout(account, form)],
  [
    'GET',
    '/v1/checkout/sessions/:id',
    ({ account, id }) => find(account.data.checkoutSessions, 'checkout session', id),
  ],
  [
    'POST',
    '/v1/checkout/sessions/:id/expire',
    ({ account, id }) => {
      const session = find(account.data.checkoutSessions, 'checkout session', id);
      if (session.status !== 'open') throw invalid(`This session is ${session.status}.`);
      session.status = 'expired';
      session.url = null;
      emit(account, 'checkout.session.expired', session);
      return session;
    },
  ],
  [
    'POST',
    '/v1/billing_portal/sessions',
    ({ account, form }) => {
      const customer = find(account.data.customers, 'customer', needText(form, 'customer'));
      const id = newId(account, 'bps');
      const session = portalObject(
        { id, created: nowOn(account, customer.test_clock) },
        {
          customer: customer.id,
          returnUrl: text(form, 'return_url') ?? null,
          url: `${account.url}/portal/${id}`,
        },
      );
      account.data.portalSessions[id] = session;
      return session;
    },
  ],
  [
    'POST',
    '/v1/test_helpers/test_clocks',
    ({ account, form }) => {
      const frozenTime = integer(form, 'frozen_time');
      if (frozenTime === undefined) throw invalid('Missing required param: frozen_time.', 'frozen_time');
      const clock = testClockObject(
        { id: newId(account, 'clock'), created: nowOn(account, null) },
        { frozenTime, name: text(form, 'name') ?? null },
      );
      account.data.testClocks[clock.id] = clock;
      return clock;
    },
  ],
  [
    'GET',
    '/v1/test_helpers/test_clocks/:id',
    ({ account, id }) => find(account.data.testClocks, 'test clock', id),
  ],
  [
    'POST',
    '/v1/test_helpers/test_clocks/:id/advance',
    ({ account, form, id }) => {
      const clock = find(account.data.testClocks, 'test clock', id);
      const to = integer(form, 'frozen_time') ?? clock.frozen_time;
      if (to <= clock.frozen_time) throw invalid('A test clock only moves forward.', 'frozen_time');
      advanceTestClock(account, clock, to);
      return clock;
    },
  ],
];
