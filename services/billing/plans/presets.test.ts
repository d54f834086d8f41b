/** The figures of every preset as clients read them: nothing here looks into a catalogue file. */
import t, { type Test } from 'tap';
import type { MyPlan, PlanList, PlanUsage, PlanWire } from '#libs/contracts/plans.ts';
import { addAccount, callerWith, readPreset, staff } from '../customers.fixture.ts';
import { createTestService } from '../fixtures.ts';

type Figure = string | number | undefined;
type Row = [meter: string, window: string, ...amounts: Figure[]];

const off = 'disabled';
const unl = 'unlimited';

type Sold = { plans: PlanWire[]; usages: PlanUsage[]; listed: string[] };

/** Puts one account on each plan and asks for it what a client would ask. */
async function readOffer(t: Test, preset: string, keys: string[]): Promise<Sold> {
  const service = await createTestService(t, readPreset(preset));
  const plans: PlanWire[] = [];
  const usages: PlanUsage[] = [];
  for (const plan of keys) {
    const accountId = await addAccount(service);
    const caller = callerWith({ accountId });
    const assignment = { account_id: accountId, plan, reason: 'To look at it' };
    const { status } = await service.call('POST', '/api/plans/assign', { as: staff, body: assignment });
    if (status !== 200) throw new Error(`${plan} could not be assigned`);
    const mine = await service.call<{ data: MyPlan }>('GET', '/api/plans/my-plan', { as: caller });
    const limits = await service.call<{ data: PlanUsage }>('GET', '/api/plans/limits', { as: caller });
    plans.push(mine.body.data.plan);
    usages.push(limits.body.data);
  }
  const offer = await service.call<{ data: PlanList }>('GET', '/api/plans/available', { as: callerWith() });
  const listed = offer.body.data.plans;
  for (const one of listed) {
    t.strictSame(
      one,
      plans.find(({ key }) => key === one.key),
      `${one.key} is sold as it is given`,
    );
  }
  t.strictSame(
    plans.map(({ key }) => key),
    keys,
  );
  return { plans, usages, listed: listed.map(({ key }) => key) };
}

function figure({ limits }: PlanUsage, meter: string, window: string): Figure {
  const limit = limits.find((one) => one.meter === meter && one.window === window);
  // Left from the plan the account came from, and only counted.
  if (limit?.kind === 'unmetered') return undefined;
  if (limit?.kind !== 'n') return limit?.kind;
  return meter === 'cost' ? limit.limit_usd?.replace(/\.?0+$/, '') : Number(limit.limit);
}

function checkLimits(t: Test, usages: PlanUsage[], rows: Row[]): void {
  for (const [meter, window, ...amounts] of rows) {
    t.strictSame(
      usages.map((usage) => figure(usage, meter, window)),
      amounts,
      `${meter} per ${window}`,
    );
  }
}

const prices = (plans: PlanWire[]) => plans.map(({ price }) => [price.monthly_minor, price.yearly_minor]);
const has = (usages: PlanUsage[], feature: string) =>
  usages.map(({ features }) => features[feature]?.enabled);
const having = (names: Record<string, boolean>) => Object.keys(names).filter((name) => names[name]);

t.test('crew', async (t) => {
  const keys = ['free', 'basic', 'pro', 'enterprise'];
  const { plans, usages, listed } = await readOffer(t, 'crew', keys);
  t.strictSame(listed, keys);
  t.strictSame(prices(plans), [
    [0, 0],
    [999, 9_999],
    [2_999, 29_999],
    [null, null],
  ]);
  checkLimits(t, usages, [
    ['gen.blog', 'period', 5, 50, unl, unl],
    ['gen.social', 'period', off, 50, unl, unl],
    ['gen.audio', 'period', off, off, unl, unl],
    ['gen.video', 'period', off, off, unl, unl],
    ['api.requests', 'day', unl, unl, 1_000, unl],
  ]);
  t.strictSame(
    usages.map(({ text_models }) => text_models.default),
    ['llama3.2:1b', 'llama3.2:3b', 'llama3.1:8b', 'llama3.1:70b'],
  );
  t.strictSame(
    plans.map(({ max_parallel, requests_per_minute, sla_percentage }) => [
      max_parallel,
      requests_per_minute,
      sla_percentage,
    ]),
    [
      [1, 10, null],
      [2, 30, null],
      [4, 100, null],
      [8, 500, 99.9],
    ],
  );
  for (const feature of ['priority_processing', 'api_access']) {
    t.strictSame(has(usages, feature), [false, false, true, true], feature);
  }
  for (const feature of ['custom_model', 'dedicated_support', 'sla_guarantee', 'white_label']) {
    t.strictSame(has(usages, feature), [false, false, false, true], feature);
  }
});

t.test('alwrity-alpha', async (t) => {
  const { plans, usages } = await readOffer(t, 'alwrity-alpha', ['free-alpha', 'basic-alpha', 'pro-alpha']);
  t.strictSame(prices(plans), [
    [0, 0],
    [null, null],
    [null, null],
  ]);
  checkLimits(t, usages, [
    ['tokens.total', 'day', 1_000, 10_000, 50_000],
    ['images', 'day', 5, 50, 200],
    ['cost', 'period', '10', '100', '500'],
    // The emergency limit, which is for testers on the free plan.
    ['cost', 'day', '5', undefined, undefined],
  ]);
  t.strictSame(
    plans.map(({ aliases }) => aliases),
    [['free'], ['basic'], ['pro']],
  );
  t.strictSame(
    plans.slice(0, 2).map(({ features }) => [...features].sort()),
    [
      ['basic_seo', 'blog_writer'],
      ['blog_writer', 'content_planning', 'seo_analysis'],
    ],
  );
  t.ok(
    Object.values(usages[2]?.features ?? {}).every(({ enabled }) => enabled),
    'the last has them all',
  );
});

t.test('lily', async (t) => {
  const { plans, usages, listed } = await readOffer(t, 'lily', ['free', 'starter', 'pro', 'enterprise']);
  t.strictSame(listed, ['starter', 'pro', 'enterprise']);
  t.strictSame(prices(plans), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  t.strictSame(
    plans.map(({ trial_days, popular, analytics_depth, horizon_days }) => [
      trial_days,
      popular,
      analytics_depth,
      horizon_days,
    ]),
    [
      [0, false, 'basic', 7],
      [14, false, 'standard', 30],
      [14, true, 'advanced', 90],
      [14, false, 'premium', 365],
    ],
  );
  checkLimits(t, usages, [
    ['social.connections', 'total', 1, 5, 25, 100],
    ['images', 'period', 5, 10, 50, 200],
    ['social.posts', 'day', 3, 5, 15, 50],
    ['social.posts', 'week', 10, 25, 100, 300],
    ['social.autopilot_posts', 'day', off, 1, 5, 15],
    ['team.members', 'total', 1, 1, 5, 25],
    ['workspaces', 'total', 1, 1, 3, 10],
  ]);
  t.strictSame(
    usages.map(({ platforms }) => having(platforms)),
    [
      ['twitter', 'instagram'],
      ['twitter', 'instagram', 'facebook', 'linkedin'],
      ['twitter', 'instagram', 'facebook', 'linkedin', 'tiktok', 'youtube'],
      ['twitter', 'instagram', 'facebook', 'linkedin', 'tiktok', 'youtube', 'pinterest'],
    ],
  );
  t.strictSame(
    usages.map(({ image_models }) => image_models.allowed),
    [
      ['grok2_basic'],
      ['grok2_basic'],
      ['grok2_basic', 'grok2_premium', 'dalle3'],
      ['grok2_basic', 'grok2_premium', 'dalle3', 'gpt_image_1'],
    ],
  );
  t.strictSame(
    usages.map(({ qualities }) => having(qualities).at(-1)),
    ['draft', 'standard', 'premium', 'premium'],
  );
  const marks: [feature: string, ...has: boolean[]][] = [
    ['auto_post', false, true, true, true],
    ['bulk_operations', false, false, true, true],
    ['advanced_analytics', false, false, true, true],
    ['autopilot_research', false, false, true, true],
    ['autopilot_ads', false, false, true, true],
    ['basic_ai_only', false, true, false, false],
    ['full_ai', false, false, true, true],
    ['enhanced_autopilot', false, false, true, true],
    ['ai_inbox', false, false, true, true],
    ['premium_ai_models', false, false, true, true],
    ['crm_integration', false, false, false, true],
    ['predictive_analytics', false, false, false, true],
    ['white_label', false, false, false, true],
    ['image_post_processing', false, true, true, true],
    ['alt_text', true, true, true, true],
    ['image_custom_size', false, false, true, true],
    ['image_advanced_quality', false, false, true, true],
    ['image_style_transfer', false, false, true, true],
    ['image_batch', false, false, true, true],
    ['image_streaming', false, false, true, true],
  ];
  for (const [feature, ...expected] of marks) t.strictSame(has(usages, feature), expected, feature);
});

t.test('alwrity', async (t) => {
  const { plans, usages } = await readOffer(t, 'alwrity', ['free', 'basic', 'pro', 'enterprise']);
  t.strictSame(prices(plans), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  checkLimits(t, usages, [
    ['calls.gemini', 'period', 100, 1_000, 5_000, unl],
    ['calls.openai', 'period', off, 500, 2_500, unl],
    ['calls.anthropic', 'period', off, 200, 1_000, unl],
    ['calls.mistral', 'period', 50, 500, 2_500, unl],
    ['calls.tavily', 'period', 20, 200, 1_000, unl],
    ['calls.serper', 'period', 20, 200, 1_000, unl],
    ['calls.exa', 'period', 10, 100, 500, unl],
    ['calls.firecrawl', 'period', 10, 100, 500, unl],
    ['images', 'period', 5, 50, 200, unl],
    ['tokens.gemini', 'period', 100_000, 1_000_000, 5_000_000, unl],
    ['tokens.openai', 'period', off, 500_000, 2_500_000, unl],
    ['tokens.anthropic', 'period', off, 200_000, 1_000_000, unl],
    ['tokens.mistral', 'period', unl, 500_000, 2_500_000, unl],
    ['cost', 'period', '2', '50', '150', '500'],
  ]);
  const marks: [feature: string, ...has: boolean[]][] = [
    ['basic_content_generation', true, true, true, true],
    ['limited_research', true, true, true, true],
    ['full_content_generation', false, true, true, true],
    ['advanced_research', false, true, true, true],
    ['basic_analytics', false, true, true, true],
    ['unlimited_content_generation', false, false, true, true],
    ['premium_research', false, false, true, true],
    ['advanced_analytics', false, false, true, true],
    ['priority_support', false, false, true, true],
    ['unlimited_everything', false, false, false, true],
    ['white_label', false, false, false, true],
    ['dedicated_support', false, false, false, true],
    ['custom_integrations', false, false, false, true],
  ];
  for (const [feature, ...expected] of marks) t.strictSame(has(usages, feature), expected, feature);
});

t.test('whisperforge', async (t) => {
  const { plans, usages } = await readOffer(t, 'whisperforge', ['free', 'pro', 'business', 'enterprise']);
  t.strictSame(
    prices(plans),
    [
      [0, 0],
      [1_900, 18_240],
      [4_900, 47_040],
      [null, null],
    ],
    'a year costs 20 % less than twelve months',
  );
  checkLimits(t, usages, [
    ['audio.seconds', 'period', 3_600, 18_000, 60_000, unl],
    ['kb.files', 'total', 3, 15, unl, unl],
    ['team.members', 'total', 1, 1, 5, unl],
  ]);
  t.strictSame(
    plans.map(({ support, limits }) => [
      support,
      limits.find(({ meter }) => meter === 'audio.seconds')?.on_limit,
    ]),
    [
      ['community', 'deny'],
      ['email', 'overage'],
      ['priority', 'overage'],
      ['dedicated', 'deny'],
    ],
  );
  const [free, pro] = usages.map(({ text_models }) => text_models.allowed);
  t.ok(free?.includes('gpt-3.5-turbo') && free.some((model) => /^claude-.*sonnet/.test(model)));
  for (const model of ['gpt-4', 'claude-3-opus', 'grok-2']) {
    t.strictSame([free?.includes(model), pro?.includes(model)], [false, true], model);
  }
  const marks: [feature: string, ...has: boolean[]][] = [
    ['standard_generation', true, true, true, true],
    ['custom_prompts', false, true, true, true],
    ['notion_integration', false, true, true, true],
    ['priority_processing', false, true, true, true],
    ['team_collaboration', false, false, true, true],
    ['api_access', false, false, true, true],
    ['webhooks', false, false, true, true],
    ['advanced_analytics', false, false, true, true],
    ['custom_integrations', false, false, false, true],
    ['dedicated_support', false, false, false, true],
    ['sla_guarantee', false, false, false, true],
    ['on_premise', false, false, false, true],
  ];
  for (const [feature, ...expected] of marks) t.strictSame(has(usages, feature), expected, feature);
});

t.test('default', async (t) => {
  const { plans, usages } = await readOffer(t, 'default', ['free', 'basic', 'pro', 'enterprise']);
  t.strictSame(prices(plans), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  checkLimits(t, usages, [
    ['cost', 'period', '2', '10', '40', '150'],
    ['images', 'period', 5, 10, 50, 200],
    ['gen.blog', 'period', 5, 50, 500, unl],
    ['gen.social', 'period', 5, 50, 1_000, unl],
  ]);
});
