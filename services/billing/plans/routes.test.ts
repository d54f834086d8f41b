import t from 'tap';
import type { Capability, MyPlan, PlanComparisonWire, PlanList, PlanUsage } from '#libs/contracts/plans.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { customer, type Refusal, readPreset } from '../customers.fixture.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT } from '../fixtures.ts';

const COMPARE = '/api/plans/compare';
const capabilityPath = (name: string) => `/api/plans/capabilities/${name}`;

t.test('given requests without a signed context, then they are refused', async (t) => {
  const { call } = await createTestService(t);
  for (const url of [
    '/api/plans/my-plan',
    '/api/plans/limits',
    capabilityPath('full_ai'),
    `${COMPARE}?a=free&b=pro`,
  ]) {
    t.equal((await call('GET', url)).status, 401, url);
  }
});

t.test('given the starter plan of lily', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const { runtime, ledger } = service;
  const { get, buy } = customer(service);
  await buy('starter');
  const limits = async () => (await get<PlanUsage>('/api/plans/limits')).body;
  const limitOf = async (meter: string, window: string) =>
    (await limits()).limits.find((one) => one.meter === meter && one.window === window);
  const use = async (meters: Record<string, bigint>) => {
    const id = runtime.newId();
    t.equal((await ledger.hold(testHold(ACCOUNT, id, meters))).verdict, 'ok');
    await ledger.settle(testSettle(ACCOUNT, id, meters));
  };

  await t.test('then its offer is unchanged', async (t) => {
    const offer = await get<PlanList>('/api/plans/available');
    t.equal(offer.body.plans.length, 3, 'three plans are on offer');
    t.strictSame(
      offer.body.plans.map((plan) => [plan.key, plan.not_yet_available.length]),
      [
        ['starter', 0],
        ['pro', 0],
        ['enterprise', 0],
      ],
    );
    const { features, image_models, qualities, platforms } = await limits();
    t.match(await limitOf('images', 'period'), {
      amount: { kind: 'limited', value: '10' },
      used: '0',
      can_use: true,
    });
    t.strictSame(image_models.allowed, ['grok2_basic']);
    t.strictSame(qualities, { draft: true, standard: true, premium: false });
    t.match(await limitOf('social.connections', 'total'), { amount: { kind: 'limited', value: '5' } });
    t.match(platforms, { twitter: true, tiktok: false });
    t.equal(Object.keys(features).length, 20);
    t.match(features, {
      auto_post: { enabled: true, source: 'plan:starter' },
      full_ai: { enabled: false },
    });
  });

  await t.test('then each capability is returned by name', async (t) => {
    const ask = async (name: string) => (await get<Capability>(capabilityPath(name))).body;
    t.match(await ask('full_ai'), {
      name: 'full_ai',
      enabled: false,
      plan: 'starter',
      source: 'plan:starter',
    });
    t.strictSame(
      (await ask('full_ai')).plans.map(({ key }) => key),
      ['pro', 'enterprise'],
    );
    t.match(await ask('premium_ai'), { feature: 'premium_ai_models' });
    t.strictSame(
      (await ask('white_label')).plans.map(({ key }) => key),
      ['enterprise'],
    );
    for (const name of ['auto_post', 'toString', '__proto__', 'FULL_AI']) {
      const { status, body } = await get<Refusal & { available_capabilities: string[] }>(
        capabilityPath(name),
      );
      t.strictSame(
        [status, body.code, body.available_capabilities.length],
        [400, 'invalid_request', 10],
        name,
      );
    }
  });

  await t.test('when images are used, then usage, state and upgrades follow', async (t) => {
    await use({ images: 8n });
    t.match(await limitOf('images', 'period'), {
      used: '8',
      remaining: '2',
      percentage: 80,
      state: 'warning',
      can_use: true,
      resets_at: '2026-12-20T12:00:00.000Z',
      upgrade: { urgency: 'medium', suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }] },
    });
    await ledger.hold(testHold(ACCOUNT, runtime.newId(), { images: 2n }));
    t.match(await limitOf('images', 'period'), { used: '8', held: '2', remaining: '0', can_use: false });
    t.match(await limitOf('social.autopilot_posts', 'day'), {
      amount: { kind: 'limited', value: '1' },
      can_use: true,
      upgrade: null,
    });
  });

  await t.test('then accounts do not see the usage of each other', async (t) => {
    const data = (await customer(service, OTHER_ACCOUNT).get<PlanUsage>('/api/plans/limits')).body;
    t.match(data, { plan: 'free' });
    t.ok(data.limits.every(({ used }) => used === '0'));
    const autopilot = data.limits.find(({ meter }) => meter === 'social.autopilot_posts');
    t.match(autopilot, { amount: { kind: 'disabled' }, can_use: false, upgrade: { urgency: 'high' } });
  });

  await t.test('then its plan lists upgrades and trials', async (t) => {
    const data = (await get<MyPlan>('/api/plans/my-plan')).body;
    t.match(data, {
      plan: 'starter',
      plan_source: 'subscription',
      plan_details: { key: 'starter', price: { monthly_minor: 2900 } },
      subscription: { account_id: ACCOUNT, status: 'active' },
      open_payment_request: null,
      trial: { eligible: false, reason: 'not_on_default_plan' },
    });
    t.strictSame(
      data.upgrades.map(({ key }) => key),
      ['pro', 'enterprise'],
    );
  });
});

t.test('given two plans', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const compare = (query: string) =>
    customer(service).get<PlanComparisonWire & Refusal>(`${COMPARE}?${query}`);

  await t.test('then they are compared by key or alias', async (t) => {
    const { status, body } = await compare('a=basic&b=pro');
    t.equal(status, 200);
    t.match(body, { a: { key: 'starter' }, b: { key: 'pro' }, direction: 'upgrade' });
    t.ok(body.changes.features_gained.includes('full_ai'));
    t.strictSame(body.changes.features_lost, ['basic_ai_only']);
    t.match(
      body.changes.limits.find(({ meter }) => meter === 'images'),
      { before: { kind: 'limited', value: '10' }, after: { kind: 'limited', value: '50' }, change: 'raised' },
    );
    t.match((await compare('a=pro&b=free')).body, { direction: 'downgrade' });
    t.match((await compare('a=pro&b=pro')).body, { direction: 'same', changes: { limits: [] } });
  });

  await t.test('then an unknown plan is named', async (t) => {
    const { status, body } = await compare('a=starter&b=platinum');
    t.match(
      [status, body.code, body.available_plans],
      [404, 'unknown_plan', ['free', 'starter', 'pro', 'enterprise']],
    );
    for (const query of ['a=starter', 'b=pro', 'a=&b=pro'])
      t.equal((await compare(query)).status, 400, query);
  });
});
