import t from 'tap';
import type { OutcomeAgreementWire, OutcomeWire } from '#libs/contracts/outcomes.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { callerWith, customer, emitted, type Refusal, staff } from '../customers.fixture.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT, STAFF, type TestService } from '../fixtures.ts';
import {
  createStripeService,
  DAY_MS,
  type StripeService,
  subscribe,
} from '../payments/stripe/stripe.fixture.ts';

type Page<View> = { data: View[]; next_cursor: string | null };

const AGREEMENTS = '/api/admin/outcome-agreements';
const ofAccount = (id: string) => `/api/admin/accounts/${id}/outcome-agreements`;

/** What staff do, with terms relative to the clock of the service. */
function createStaff(service: TestService) {
  const at = (days: number) => new Date(service.runtime.clock.now().getTime() + days * DAY_MS).toISOString();
  const post = <Body = OutcomeAgreementWire & Refusal>(url: string, body?: unknown, as = staff) =>
    service.call<Body>('POST', url, { as, body });
  const termsWith = (terms: object = {}) => ({
    goal: 'lead_generation',
    baseline: '200',
    target: '600',
    fee_minor: 120_001,
    starts_at: at(-30),
    ends_at: at(0),
    reason: 'Contract 2026-118',
    ...terms,
  });
  return {
    at,
    post,
    termsWith,
    create: async (terms?: object, accountId = ACCOUNT) =>
      (await post(ofAccount(accountId), termsWith(terms))).body,
    measure: (id: string, value: string, measured_at = at(-1)) =>
      post(`${AGREEMENTS}/${id}/measurements`, { value, measured_at, source: 'CRM report' }),
    settle: (id: string) => post(`${AGREEMENTS}/${id}/settle`),
  };
}

const audited = async ({ pool }: TestService, id: string) =>
  (
    await pool.query(
      'SELECT action, actor, account_id, reason FROM audit_log WHERE subject = $1 ORDER BY id',
      [`outcome_agreement:${id}`],
    )
  ).rows;

t.test('where payments are manual', async (t) => {
  const service = await createTestService(t);
  const { at, post, termsWith, create, measure, settle } = createStaff(service);
  const ada = customer(service);

  await t.test('then invalid requests are refused', async (t) => {
    const wrong: [object, number][] = [
      [{ goal: 'fame' }, 400],
      [{ baseline: 'many' }, 400],
      [{ baseline: '1e3' }, 400],
      [{ target: '0.0000000001' }, 400],
      [{ fee_minor: 0 }, 400],
      [{ fee_minor: 100_000_000 }, 400],
      [{ fee_minor: 12.5 }, 400],
      [{ ends_at: 'tomorrow' }, 400],
      [{ reason: ' ' }, 400],
      [{ discount: 1 }, 400],
      [{ target: '200.0' }, 422],
      [{ ends_at: at(-30) }, 422],
    ];
    for (const [terms, status] of wrong) {
      t.equal((await post(ofAccount(ACCOUNT), termsWith(terms))).status, status, JSON.stringify(terms));
    }
    t.equal((await post(ofAccount('me'), termsWith())).status, 400);
    t.equal((await post(ofAccount(service.runtime.newId()), termsWith())).status, 404);
    for (const url of [ofAccount('me'), `${ofAccount(ACCOUNT)}?limit=0`])
      t.equal((await service.call('GET', url, { as: staff })).status, 400, url);
    const { id } = await create();
    const figures: [string, object, number][] = [
      ['me', {}, 400],
      [service.runtime.newId(), {}, 404],
      [id, { value: '1,5' }, 400],
      [id, { value: 5 }, 400],
      [id, { source: '' }, 400],
      [id, { measured_at: at(-31) }, 422],
      [id, { measured_at: at(1) }, 422],
    ];
    for (const [agreement, body, status] of figures) {
      const answer = await post(`${AGREEMENTS}/${agreement}/measurements`, {
        ...{ value: '1', measured_at: at(-1), source: 'CRM' },
        ...body,
      });
      t.equal(answer.status, status, JSON.stringify(body));
    }
    for (const [action, body] of [
      ['settle', undefined],
      ['cancel', { reason: 'Mistake' }],
      ['mark-paid', { note: 'Transfer' }],
    ] as const) {
      t.equal((await post(`${AGREEMENTS}/me/${action}`, body)).status, 400, action);
      t.equal((await post(`${AGREEMENTS}/${service.runtime.newId()}/${action}`, body)).status, 404, action);
      if (body !== undefined) t.equal((await post(`${AGREEMENTS}/${id}/${action}`, {})).status, 400, action);
    }
    t.equal((await ada.get('/api/billing/outcomes/me')).status, 400);
    t.equal((await ada.get('/api/billing/outcomes?cursor=me')).status, 400);
  });

  await t.test('then only staff with the admin role change anything, and support reads', async (t) => {
    const { id } = await create();
    const writes: [string, unknown][] = [
      [ofAccount(ACCOUNT), termsWith()],
      [`${AGREEMENTS}/${id}/measurements`, { value: '600', measured_at: at(-1), source: 'Trust me' }],
      [`${AGREEMENTS}/${id}/settle`, undefined],
      [`${AGREEMENTS}/${id}/cancel`, { reason: 'Trust me' }],
      [`${AGREEMENTS}/${id}/mark-paid`, { note: 'Trust me' }],
    ];
    const support = callerWith({ ...staff, platformRole: 'support' });
    for (const [url, body] of writes) {
      t.equal((await service.call('POST', url, { body })).status, 401, url);
      for (const as of [callerWith(), support]) {
        const answer = await post(url, body, as);
        t.strictSame([answer.status, answer.body.code], [403, 'platform_role_required'], url);
      }
    }
    t.equal((await service.call('GET', ofAccount(ACCOUNT))).status, 401);
    t.equal((await service.call('GET', ofAccount(ACCOUNT), { as: callerWith() })).status, 403);
    t.equal((await service.call('GET', ofAccount(ACCOUNT), { as: support })).status, 200);
    for (const url of ['/api/billing/outcomes', `/api/billing/outcomes/${id}`])
      t.equal((await service.call('GET', url)).status, 401, url);
    t.match((await ada.get<OutcomeWire>(`/api/billing/outcomes/${id}`)).body, { status: 'open' });
  });

  await t.test('then an account sees its own agreements alone, in pages', async (t) => {
    const bob = customer(service, OTHER_ACCOUNT);
    const ids = [await create({}, OTHER_ACCOUNT), await create({}, OTHER_ACCOUNT)].map(({ id }) => id);
    const first = (await bob.get<Page<OutcomeWire>>('/api/billing/outcomes?limit=1')).body;
    t.strictSame([first.data.map(({ id }) => id), first.next_cursor], [[ids[1]], ids[1]]);
    const next = (await bob.get<Page<OutcomeWire>>(`/api/billing/outcomes?limit=1&cursor=${ids[1]}`)).body;
    t.strictSame([next.data.map(({ id }) => id), next.next_cursor], [[ids[0]], null]);
    t.equal((await ada.get(`/api/billing/outcomes/${ids[0]}`)).status, 404);
    const listed = await service.call<Page<OutcomeAgreementWire>>('GET', ofAccount(OTHER_ACCOUNT), {
      as: staff,
    });
    t.match(listed.body.data, [{ account_id: OTHER_ACCOUNT, created_by: STAFF }, { id: ids[0] }]);
    t.equal((await service.call('GET', ofAccount(service.runtime.newId()), { as: staff })).status, 404);
  });

  await t.test(
    'when figures come in, then each milestone is reached once, and the latest figure counts',
    async (t) => {
      const { id } = await create();
      const before = (await emitted(service, 'outcome.milestone_reached')).length;
      t.match((await measure(id, '299', at(-20))).body, { achieved_percent: 24, payable_minor: 0 });
      t.match((await measure(id, '400', at(-10))).body, { achieved_percent: 50, payable_minor: 60_001 });
      // Added late: it does not replace the later figure.
      t.match((await measure(id, '350', at(-15))).body, { achieved_percent: 50 });
      t.match((await measure(id, '512.5', at(-5))).body, { achieved_percent: 78, payable_minor: 90_001 });
      const { body } = await ada.get<OutcomeWire>(`/api/billing/outcomes/${id}`);
      t.strictSame(
        body.milestones.map(({ percent, payable_minor, reached_at }) => [percent, payable_minor, reached_at]),
        [
          [25, 30_000, at(-10)],
          [50, 60_001, at(-10)],
          [75, 90_001, at(-5)],
          [100, 120_001, null],
        ],
      );
      t.match(body, { amount_minor: null, latest_measurement: { value: '512.5', measured_at: at(-5) } });
      const events = (await emitted(service, 'outcome.milestone_reached')).slice(before);
      t.strictSame(
        events.map(({ account_id, payload }) => [account_id, payload.agreement_id, payload.milestone]),
        [25, 50, 75].map((milestone) => [ACCOUNT, id, milestone]),
      );
      const { rows } = await service.pool.query(
        `SELECT kind, severity FROM alerts WHERE type = 'outcome.milestone_reached' AND data->>'agreement_id' = $1`,
        [id],
      );
      t.strictSame(rows, Array(3).fill({ kind: 'payment', severity: 'info' }));
      // A correction of the last figure.
      t.match((await measure(id, '450', at(-5))).body, { achieved_percent: 62, payable_minor: 60_001 });
    },
  );

  await t.test('when it is settled, then it is due until staff mark it as paid', async (t) => {
    const { id } = await create();
    await measure(id, '400');
    t.equal((await post(`${AGREEMENTS}/${id}/mark-paid`, { note: 'Early' })).status, 409);
    const answers = await Promise.all(Array.from({ length: 5 }, () => settle(id)));
    for (const { status, body } of answers)
      t.match(
        [status, body],
        [200, { status: 'due', amount_minor: 60_001, achieved_percent: 50, invoice_id: null }],
      );
    t.equal((await measure(id, '600')).status, 409);
    t.equal((await post(`${AGREEMENTS}/${id}/cancel`, { reason: 'Late' })).status, 409);
    const pay = () => post(`${AGREEMENTS}/${id}/mark-paid`, { note: 'Transfer' });
    for (const { status, body } of await Promise.all([pay(), pay()]))
      t.match([status, body.status], [200, 'paid']);
    t.match((await settle(id)).body, { status: 'paid', amount_minor: 60_001 });
    const events = await emitted(service, 'outcome.settled');
    t.match(events, [
      { payload: { agreement_id: id, status: 'due', amount_minor: 60_001, currency: 'USD' } },
    ]);
    t.equal(events.length, 1);
    const by = { actor: STAFF, account_id: ACCOUNT };
    t.strictSame(await audited(service, id), [
      { action: 'outcome.created', ...by, reason: 'Contract 2026-118' },
      { action: 'outcome.measured', ...by, reason: null },
      { action: 'outcome.settled', ...by, reason: null },
      { action: 'outcome.marked_paid', ...by, reason: 'Transfer' },
    ]);
  });

  await t.test('then nothing is payable below 25 %, without a figure, or once it is cancelled', async (t) => {
    const [low, none, cancelled, running] = [
      await create(),
      await create(),
      await create(),
      await create({ ends_at: at(1) }),
    ];
    await measure(low.id, '299.99');
    for (const { id } of [low, none])
      t.match((await settle(id)).body, { status: 'settled_free', amount_minor: 0, payable_minor: 0 });
    t.equal((await post(`${AGREEMENTS}/${low.id}/mark-paid`, { note: 'Transfer' })).status, 409);
    await measure(cancelled.id, '600');
    const cancel = () => post(`${AGREEMENTS}/${cancelled.id}/cancel`, { reason: 'Called off' });
    for (const { body } of [await cancel(), await cancel()])
      t.match(body, { status: 'cancelled', payable_minor: 0, amount_minor: null });
    t.equal((await audited(service, cancelled.id)).length, 3);
    t.equal((await settle(cancelled.id)).status, 409);
    await measure(running.id, '600');
    t.match(await settle(running.id), { status: 409, body: { code: 'conflict' } });
  });
});

t.test('given Stripe', async (t) => {
  const service = await createStripeService(t);
  const { create, measure, settle, post } = createStaff(service);
  await subscribe(service, { plan: 'basic' });

  await t.test(
    'when it is settled twice at once, then one invoice charges the card, and is paid',
    async (t) => {
      const { id } = await create();
      await measure(id, '500');
      await Promise.all([settle(id), settle(id)]);
      const outcome = await invoiced(service, id);
      t.match(outcome, { status: 'paid', amount_minor: 90_001 });
      t.match((await service.ada.get(`/api/billing/invoices/${outcome.invoice_id}`)).body, {
        status: 'paid',
        reason: 'manual',
        amount_paid_minor: 90_001,
        lines: [{ description: 'Outcome: lead generation, 75 % of the target', amount_minor: 90_001 }],
      });
      t.match((await settle(id)).body, { status: 'paid', invoice_id: outcome.invoice_id });
      t.equal((await post(`${AGREEMENTS}/${id}/mark-paid`, { note: 'Transfer' })).status, 409);
      t.equal((await invoicesOf(service, id)).length, 1);
      t.match(await emitted(service, 'payment.succeeded'), [{}, { payload: { amount_minor: 90_001 } }]);
    },
  );

  await t.test('when the answer of Stripe was lost for days, then the invoice is found again', async (t) => {
    const { id } = await create();
    await measure(id, '600');
    await settle(id);
    const { invoice_id } = await invoiced(service, id);
    await service.pool.query(
      `UPDATE outcome_agreements SET status = 'due', invoice_id = NULL WHERE id = $1`,
      [id],
    );
    await service.advance(3 * DAY_MS);
    t.match((await settle(id)).body, { status: 'due', invoice_id: null });
    t.match(await invoiced(service, id), { status: 'paid', invoice_id });
    t.equal((await invoicesOf(service, id)).length, 1);
  });

  await t.test('when an earlier attempt ended with a draft, then it is completed', async (t) => {
    const { id } = await create();
    await measure(id, '400');
    const metadata = { account: ACCOUNT, order: `outcome-${id}` };
    const draft = await service.stripe.invoices.create({
      ...{ customer: await service.customerId(), metadata },
      pending_invoice_items_behavior: 'exclude',
    });
    await settle(id);
    await until(async () => (await service.stripe.invoices.retrieve(draft.id)).status !== 'draft');
    t.match(await invoiced(service, id), { invoice_id: draft.id, amount_minor: 60_001 });
    t.match(await service.stripe.invoices.retrieve(draft.id), { total: 60_001, lines: { data: [{}] } });
    t.equal((await invoicesOf(service, id)).length, 1);
  });

  await t.test('then nothing is invoiced where nothing is payable', async (t) => {
    const { id } = await create();
    t.match((await settle(id)).body, { status: 'settled_free', invoice_id: null });
    await service.settle();
    t.strictSame(await invoicesOf(service, id), []);
  });
});

t.test('given Stripe and an account without a card, then the invoice is due until it is paid', async (t) => {
  const service = await createStripeService(t);
  const { create, measure, settle } = createStaff(service);
  const { id } = await create();
  await measure(id, '600');
  await settle(id);
  const outcome = await invoiced(service, id);
  t.match(outcome, { status: 'due', amount_minor: 120_001 });
  const { body } = await service.ada.get<{ status: string; url: string }>(
    `/api/billing/invoices/${outcome.invoice_id}`,
  );
  t.equal(body.status, 'open');
  await click(body.url, { card: '4242' });
  await service.settle();
  t.match((await service.ada.get(`/api/billing/outcomes/${id}`)).body, { status: 'paid' });
});

/** The agreement once its invoice was made and its events were processed. */
async function invoiced({ ada, settle }: StripeService, id: string): Promise<OutcomeWire> {
  const read = async () => (await ada.get<OutcomeWire>(`/api/billing/outcomes/${id}`)).body;
  await until(async () => (await read()).invoice_id !== null);
  await settle();
  return read();
}

async function invoicesOf({ stripe }: StripeService, id: string): Promise<string[]> {
  const { data } = await stripe.invoices.list({ limit: 100 });
  return data.filter(({ metadata }) => metadata?.order === `outcome-${id}`).map((invoice) => invoice.id);
}
