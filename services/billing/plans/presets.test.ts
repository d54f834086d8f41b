/**
 * Every preset as clients read it: the service presents what the catalogue file says. `libs/catalogue/presets.test.ts`
 * asserts what the files say.
 */
import t, { type Test } from 'tap';
import { chosen, qualitiesOf } from '#libs/catalogue/entitlements.ts';
import { featuresOf } from '#libs/catalogue/features.ts';
import type { Amount } from '#libs/catalogue/limit.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { limitsOf, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import type { MyPlan, PlanList, PlanUsage, PlanWire } from '#libs/contracts/plans.ts';
import { formatUsd } from '#libs/money/money.ts';
import { addAccount, callerWith, readPreset, staff } from '../customers.fixture.ts';
import { createTestService, type TestService } from '../fixtures.ts';

type Presented = { plan: PlanWire; usage: PlanUsage };

/** Puts an account on the plan and reads its plan and limits. */
async function presented(service: TestService, plan: string): Promise<Presented> {
  const accountId = await addAccount(service);
  const caller = callerWith({ accountId });
  const assignment = { account_id: accountId, plan, reason: 'For a test.' };
  const { status } = await service.call('POST', '/api/plans/assign', { as: staff, body: assignment });
  if (status !== 200) throw new Error(`The plan ${plan} could not be assigned: ${status}`);
  const mine = await service.call<MyPlan>('GET', '/api/plans/my-plan', { as: caller });
  const limits = await service.call<PlanUsage>('GET', '/api/plans/limits', { as: caller });
  return { plan: mine.body.plan_details, usage: limits.body };
}

const enabled = (names: Readonly<Record<string, boolean>>) =>
  Object.keys(names).filter((name) => names[name]);

function checkTerms(t: Test, catalogue: Catalogue, plan: Plan, { plan: wire, usage }: Presented): void {
  const { caps, price } = plan;
  t.strictSame(wire, {
    ...wire,
    key: plan.key,
    aliases: plan.aliases,
    popular: plan.popular,
    price: { currency: 'USD', monthly_minor: price.monthlyMinor, yearly_minor: price.yearlyMinor },
    trial_days: plan.trialDays,
    features: featuresOf(catalogue, plan),
    max_parallel: caps.maxParallel,
    requests_per_minute: caps.requestsPerMinute,
    analytics_depth: caps.analyticsDepth,
    horizon_days: caps.horizonDays,
    support: caps.support,
    sla_percentage: caps.slaPct,
  });
  const features = Object.entries(usage.features).map(([name, feature]): [string, boolean] => [
    name,
    feature.enabled,
  ]);
  t.strictSame(enabled(Object.fromEntries(features)).sort(), featuresOf(catalogue, plan).sort());
  t.strictSame(usage.text_models.allowed, chosen(caps.textModels, catalogue.textModels));
  t.equal(usage.text_models.default, caps.defaultTextModel);
  t.strictSame(usage.image_models.allowed, chosen(caps.imageModels, catalogue.imageModels));
  t.strictSame(enabled(usage.qualities), qualitiesOf(catalogue, plan));
  t.strictSame(enabled(usage.platforms), chosen(caps.platforms, catalogue.platforms));
}

function checkLimits(t: Test, catalogue: Catalogue, plan: Plan, { plan: wire, usage }: Presented): void {
  for (const { meter, window, amount, onLimit } of limitsOf(catalogue, plan)) {
    const isSame = (other: { meter: string; window: string }) =>
      other.meter === meter && other.window === window;
    const name = `${plan.key}: ${meter} per ${window}`;
    const limit = usage.limits.find(isSame);
    t.strictSame(limit, { ...limit, ...presentedAmount(meter, amount) }, name);
    t.equal(wire.limits.find(isSame)?.on_limit, onLimit, name);
  }
}

function presentedAmount(meter: string, amount: Amount): object {
  if (amount.kind !== 'n') return { amount: { kind: amount.kind } };
  return {
    amount: {
      kind: 'limited',
      value: amount.n.toString(),
      ...(meter === 'cost' && { value_usd: formatUsd(amount.n) }),
    },
  };
}

for (const preset of ['crew', 'alwrity-alpha', 'lily', 'alwrity', 'whisperforge', 'default']) {
  t.test(preset, async (t) => {
    const text = readPreset(preset);
    const catalogue = parseCatalogue(text);
    const service = await createTestService(t, text);
    const plans = new Map<string, Presented>();
    for (const plan of catalogue.plans) {
      const wire = await presented(service, plan.key);
      plans.set(plan.key, wire);
      checkTerms(t, catalogue, plan, wire);
      checkLimits(t, catalogue, plan, wire);
    }
    const offer = await service.call<PlanList>('GET', '/api/plans/available', { as: callerWith() });
    const listed = plansByRank(catalogue).filter((plan) => plan.listed);
    t.strictSame(
      offer.body.plans,
      listed.map(({ key }) => plans.get(key)?.plan),
      'each plan is offered as an account has it',
    );
    if (preset === 'alwrity-alpha') {
      t.strictSame(
        [...plans.values()].map(({ usage }) =>
          usage.limits.filter(isEmergencyLimit).map(({ amount }) => amount),
        ),
        [[{ kind: 'limited', value: '5000000000', value_usd: '5.000000000' }], [], []],
        'the emergency limit is for testers on the free plan',
      );
    }
  });
}

/** Accounts that came from the free plan still count its meters, without a limit. */
const isEmergencyLimit = ({ meter, window, amount }: PlanUsage['limits'][number]) =>
  meter === 'cost' && window === 'day' && amount.kind !== 'unmetered';
