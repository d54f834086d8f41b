/** Plans, payments, prices and revenue. */
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { signatureOf } from '#libs/simulators/stripe/webhooks.ts';
import { callerWith, staff } from '#services/billing/customers.fixture.ts';
import { createStripeService, SECRET } from '#services/billing/payments/stripe/stripe.fixture.ts';
import { cataloguePathOf } from '../bootstrap.ts';
import { type Call, OPERATIONS, type OperationCalls, requestOf } from './calls.fixture.ts';

export async function callSubscriptions({ ask, askAll, call, customer }: OperationCalls): Promise<void> {
  const tried = await customer();
  await ask(['startTrial', { body: { plan: 'basic' } }], tried.token);
  const paying = await customer('pro');
  const asPaying = async (...calls: Call[]) => {
    for (const one of calls) await ask(one, paying.token);
  };
  await asPaying(
    ['downgradeSubscription', { body: { plan: 'basic' } }],
    ['cancelSubscription'],
    ['resumeSubscription'],
    ['getCurrentSubscription'],
    ['listSubscriptionEvents'],
    ['previewSubscription', { query: '?plan=enterprise' }],
  );
  const free = await customer();
  await call('/api/subscription/upgrade', free.token, { plan: 'pro' });
  const { body: requests } = await ask(['listPaymentRequests', { query: '?status=open' }]);
  await ask(['markPaymentRequestPaid', { params: { id: requests.data[0].id } }]);
  const buying = await customer();
  const { body: checkout } = await ask(['startCheckout', { body: { plan: 'pro' } }], buying.token);
  const id = new URL(checkout.url).pathname.split('/').at(-1) ?? '';
  await askAll(['showPaymentPage', { params: { id } }], ['voidPaymentRequest', { params: { id } }]);
  await askAll(
    ['getPricing'],
    ['listPlans'],
    ['listAvailablePlans'],
    ['comparePlans', { query: '?a=free&b=pro' }],
    ['getMyPlan'],
    ['getPlanLimits'],
    ['getCapability', { params: { name: 'api_access' } }],
    ['listInvoices'],
    ['getUpcomingInvoice'],
    ['listPaymentMethods'],
    ['previewBilling'],
  );
}

export async function callPrices({ askAll }: OperationCalls): Promise<void> {
  const alias = { params: { alias: 'house-model' } };
  const next = new Date(Date.now() + 86_400_000).toISOString();
  const prices = OPERATIONS.get('addPrices')?.bodyExample as object;
  await askAll(
    ['addPrices', { body: { ...prices, valid_from: next } }],
    ['addModelAlias', { body: { alias: 'house-model', provider: 'openai', model: 'gpt-4o-mini' } }],
    ['listModelAliases'],
    ['removeModelAlias', alias],
    ['cancelPrices', { body: { provider: 'openai', model: 'gpt-4o-mini', valid_from: next } }],
    ['importPriceList'],
    ['previewPrices'],
    ['listUnpricedModels'],
    ['exportAllUsageCsv'],
    ['exportAllUsageNdjson'],
    ['listUsageArchives'],
    ['reconcileUsage'],
    ['getRecurringRevenue'],
    ['importCatalogue', { body: { source: readFileSync(cataloguePathOf('lily'), 'utf8') } }],
  );
}

export async function callOutcomes({ ask, askAll, account_id }: OperationCalls): Promise<void> {
  const account = { params: { account_id } };
  const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  const terms = OPERATIONS.get('createOutcomeAgreement')?.bodyExample as object;
  const create = (ends_at: string) =>
    ask(['createOutcomeAgreement', { ...account, body: { ...terms, starts_at: at(-30), ends_at } }]);
  const { body: ended } = await create(at(-1));
  const { body: running } = await create(at(30));
  const measured = { value: '512', measured_at: at(-2), source: 'CRM' };
  await askAll(
    ['addOutcomeMeasurement', { params: { id: ended.id }, body: measured }],
    ['settleOutcomeAgreement', { params: { id: ended.id } }],
    ['cancelOutcomeAgreement', { params: { id: running.id } }],
    ['listOutcomeAgreements', account],
    ['markOutcomeAgreementPaid', { params: { id: ended.id } }],
    ['listOutcomes'],
    ['getOutcome', { params: { id: ended.id } }],
  );
}

export async function callPaymentProvider(t: Test, { check }: OperationCalls): Promise<void> {
  const stripe = await createStripeService(t);
  const { service, settle } = stripe;
  const askBilling = async <Body = Record<string, string>>([operationId, parts = {}]: Call) => {
    const { auth, method, target, body } = requestOf(operationId, parts);
    const { headers = {} } = parts;
    const as = auth === 'staff' ? staff : callerWith();
    const answer = await service.call<Body>(method, target, { as, body, headers });
    check(operationId, answer, parts.status);
    await settle();
    return answer.body;
  };
  const { url: page = '' } = await askBilling(['startCheckout', { body: { plan: 'basic' } }]);
  await click(page, { card: '4242' });
  await settle();
  const { data: invoices } = await askBilling<{ data: { id: string }[] }>(['listInvoices']);
  const invoice_id = invoices[0]?.id ?? '';
  const reason = 'For a test.';
  const { rows } = await stripe.pool.query(`SELECT event_id FROM stripe_inbox WHERE type = 'invoice.paid'`);
  const event = JSON.stringify({ id: 'evt_1', object: 'event', type: 'ping', data: { object: {} } });
  const seconds = Math.floor(stripe.runtime.clock.now().getTime() / 1000);
  const signed = {
    'content-type': 'application/json',
    'stripe-signature': signatureOf(event, [SECRET], seconds),
  };
  const calls: Call[] = [
    ['getInvoice', { params: { id: invoice_id } }],
    ['openPortal'],
    ['upgradeSubscription', { body: { plan: 'pro' } }],
    ['upgradePlan', { body: { plan: 'enterprise' } }],
    ['setSeats', { body: { seats: 30 } }],
    ['pauseBilling'],
    ['resumeBilling'],
    ['cancelBilling'],
    ['refundInvoice', { body: { invoice_id, amount_minor: 100, reason } }],
    ['creditInvoice', { body: { invoice_id, amount_minor: 100, reason } }],
    ['replayBillingEvent', { params: { event_id: rows[0].event_id } }],
    ['resyncBillingAccount', { params: { account_id: callerWith().accountId } }],
    ['getBillingDrift'],
    ['receiveStripeEvent', { body: event, headers: signed }],
  ];
  for (const one of calls) await askBilling(one);
}
