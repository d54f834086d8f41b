import { readFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { formatUsd } from '#libs/money/money.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { chosen, qualitiesOf } from './entitlements.ts';
import { featuresOf } from './features.ts';
import type { Amount, Window } from './limit.ts';
import { parseCatalogue } from './parse.ts';
import { findPlan, limitsOf } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

const read = (file: string) =>
  readFile(new URL(`../../deploy/catalogues/${file}.yaml`, import.meta.url), 'utf8');
const { models: knownModels } = parsePriceBook(await read('prices'));
const preset = async (id: string) => parseCatalogue(await read(id), { knownModels });

const planOf = (catalogue: Catalogue, key: string): Plan => {
  const plan = findPlan(catalogue, key);
  if (plan === undefined) throw new Error(`${catalogue.id} has no plan ${key}`);
  return plan;
};

/** A limit as the tables state it: a number, an amount of USD, `unlimited`, `disabled`, or undefined if not metered. */
function limit(
  catalogue: Catalogue,
  key: string,
  meter: string,
  window: Window,
): string | number | undefined {
  const found = limitsOf(catalogue, planOf(catalogue, key)).find(
    (one) => one.meter === meter && one.window === window,
  );
  const amount: Amount | undefined = found?.amount;
  if (amount?.kind !== 'n') return amount?.kind;
  return meter === 'cost' ? formatUsd(amount.n).replace(/\.?0+$/, '') : Number(amount.n);
}

const off = 'disabled';
const unl = 'unlimited';

async function table(
  t: Test,
  id: string,
  plans: string[],
  rows: [meter: string, window: Window, ...amounts: (string | number | undefined)[]][],
) {
  const catalogue = await preset(id);
  t.same(
    catalogue.plans.map((plan) => plan.key),
    plans,
    'plans',
  );
  for (const [meter, window, ...amounts] of rows) {
    t.same(
      plans.map((key) => limit(catalogue, key, meter, window)),
      amounts,
      `${meter} per ${window}`,
    );
  }
  return catalogue;
}

const prices = (catalogue: Catalogue) =>
  catalogue.plans.map(({ price }) => [price.monthlyMinor, price.yearlyMinor]);
const caps = <Cap extends keyof Plan['caps']>(catalogue: Catalogue, cap: Cap) =>
  catalogue.plans.map((plan) => plan.caps[cap]);

/** Which plans of a catalogue include each feature, bundles included. */
function checkFeatures(t: Test, catalogue: Catalogue, marks: [feature: string, ...has: boolean[]][]): void {
  for (const [feature, ...has] of marks) {
    t.same(
      catalogue.plans.map((plan) => featuresOf(catalogue, plan).includes(feature)),
      has,
      feature,
    );
  }
}

t.test('default', async (t) => {
  const plans = ['free', 'basic', 'pro', 'enterprise'];
  const catalogue = await table(t, 'default', plans, [
    ['cost', 'period', '2', '10', '40', '150'],
    ['images', 'period', 5, 10, 50, 200],
    ['gen.blog', 'period', 5, 50, 500, unl],
    ['gen.social', 'period', 5, 50, 1_000, unl],
  ]);
  t.same(prices(catalogue), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  t.same(catalogue.thresholds, { warnBps: 8_000, noticeBps: 9_000, blockBps: 9_500, hardBps: 10_000 });
  t.equal(planOf(catalogue, 'free').caps.outputTokensCap, 2_048);
  t.equal(planOf(catalogue, 'enterprise').caps.textModels, '*');
  const sold = knownModels.filter((info) => info.kind === 'text').map((info) => info.model);
  t.same([...catalogue.textModels].sort(), sold.sort(), 'every text model that has a price');
});

t.test('crew', async (t) => {
  const plans = ['free', 'basic', 'pro', 'enterprise'];
  const catalogue = await table(t, 'crew', plans, [
    ['gen.blog', 'period', 5, 50, unl, unl],
    ['gen.social', 'period', off, 50, unl, unl],
    ['gen.audio', 'period', off, off, unl, unl],
    ['gen.video', 'period', off, off, unl, unl],
    ['chat.requests', 'period', off, off, unl, unl],
    ['api.requests', 'day', unl, unl, 1_000, unl],
  ]);
  t.same(prices(catalogue), [
    [0, 0],
    [999, 9_999],
    [2_999, 29_999],
    [null, null],
  ]);
  t.same(caps(catalogue, 'defaultTextModel'), ['llama3.2:1b', 'llama3.2:3b', 'llama3.1:8b', 'llama3.1:70b']);
  t.same(caps(catalogue, 'maxParallel'), [1, 2, 4, 8]);
  t.same(caps(catalogue, 'requestsPerMinute'), [10, 30, 100, 500]);
  t.same(caps(catalogue, 'generationsPerMinute'), [10, 10, 10, 10]);
  t.same(caps(catalogue, 'streamsPerUser'), [5, 5, 5, 5]);
  t.same(caps(catalogue, 'slaPct'), [null, null, null, 99.9]);
  t.ok(
    catalogue.plans.every((plan) => plan.listed),
    'every plan is listed',
  );
  const has = (feature: string) =>
    catalogue.plans.map((plan) => featuresOf(catalogue, plan).includes(feature));
  t.same(has('api_access'), [false, false, true, true]);
  t.same(has('priority_processing'), [false, false, true, true]);
  for (const feature of ['custom_model', 'dedicated_support', 'sla_guarantee', 'white_label']) {
    t.same(has(feature), [false, false, false, true], feature);
  }
  const enterprise = planOf(catalogue, 'enterprise');
  t.same(featuresOf(catalogue, enterprise), Object.keys(catalogue.features), 'Enterprise has all features');
  t.equal(enterprise.caps.textModels, '*', 'and every model');
});

t.test('alwrity-alpha', async (t) => {
  const plans = ['free-alpha', 'basic-alpha', 'pro-alpha'];
  const catalogue = await table(t, 'alwrity-alpha', plans, [
    ['tokens.total', 'day', 1_000, 10_000, 50_000],
    ['images', 'day', 5, 50, 200],
    ['cost', 'period', '10', '100', '500'],
  ]);
  t.same(prices(catalogue), [
    [0, 0],
    [null, null],
    [null, null],
  ]);
  t.same(
    catalogue.plans.map(({ aliases }) => aliases),
    [['free'], ['basic'], ['pro']],
  );
  const approximately = (meter: string) =>
    catalogue.plans.map((plan) => plan.limits.find((one) => one.meter === meter)?.approximatelyNanoUsd);
  t.same(approximately('tokens.total'), [100_000_000n, 1_000_000_000n, 5_000_000_000n]);
  t.same(approximately('images'), [250_000_000n, 2_500_000_000n, 10_000_000_000n]);
  t.same(planOf(catalogue, 'free').features, ['blog_writer', 'basic_seo']);
  t.same(planOf(catalogue, 'basic').features, ['blog_writer', 'seo_analysis', 'content_planning']);
  t.same(planOf(catalogue, 'pro').features, ['all_features', 'advanced_analytics']);
  t.same(featuresOf(catalogue, planOf(catalogue, 'pro')), Object.keys(catalogue.features), 'every feature');
  t.match(catalogue.guardRail, {
    tokensPerDay: 1_000n,
    costPerDayNanoUsd: 5_000_000_000n,
    thresholds: { warnBps: 8_000, blockBps: 9_500 },
    plans: ['free-alpha'],
    segments: ['new_tester'],
  });
  t.same(
    catalogue.usageEstimates.map((one) => [
      one.key,
      one.tokensPerDay,
      one.imagesPerDay,
      one.costPerMonthNanoUsd,
    ]),
    [
      ['casual', 500, 2, 15_000_000_000n],
      ['active', 2_000, 10, 60_000_000_000n],
      ['power', 5_000, 25, 150_000_000_000n],
    ],
  );
});

t.test('alwrity', async (t) => {
  const plans = ['free', 'basic', 'pro', 'enterprise'];
  const catalogue = await table(t, 'alwrity', plans, [
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
  t.same(prices(catalogue), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  t.same(
    catalogue.plans.map((plan) => plan.features),
    [
      ['basic_content_generation', 'limited_research'],
      ['full_content_generation', 'advanced_research', 'basic_analytics'],
      ['unlimited_content_generation', 'premium_research', 'advanced_analytics', 'priority_support'],
      ['unlimited_everything', 'white_label', 'dedicated_support', 'custom_integrations'],
    ],
  );
  checkFeatures(t, catalogue, [
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
  ]);
});

t.test('lily', async (t) => {
  const plans = ['free', 'starter', 'pro', 'enterprise'];
  const catalogue = await table(t, 'lily', plans, [
    ['social.connections', 'total', 1, 5, 25, 100],
    ['images', 'period', 5, 10, 50, 200],
    ['social.posts', 'day', 3, 5, 15, 50],
    ['social.posts', 'week', 10, 25, 100, 300],
    ['social.autopilot_posts', 'day', off, 1, 5, 15],
    ['team.members', 'total', 1, 1, 5, 25],
    ['workspaces', 'total', 1, 1, 3, 10],
  ]);
  t.same(prices(catalogue), [
    [0, 0],
    [2_900, 29_000],
    [7_900, 79_000],
    [19_900, 199_000],
  ]);
  t.same(
    catalogue.plans.map((plan) => plan.trialDays),
    [0, 14, 14, 14],
  );
  t.same(
    catalogue.plans.map((plan) => plan.popular),
    [false, false, true, false],
  );
  t.same(
    catalogue.plans.map((plan) => chosen(plan.caps.platforms, catalogue.platforms)),
    [
      ['twitter', 'instagram'],
      ['twitter', 'instagram', 'facebook', 'linkedin'],
      ['twitter', 'instagram', 'facebook', 'linkedin', 'tiktok', 'youtube'],
      ['twitter', 'instagram', 'facebook', 'linkedin', 'tiktok', 'youtube', 'pinterest'],
    ],
  );
  const imageModels = catalogue.plans.map((plan) => chosen(plan.caps.imageModels, catalogue.imageModels));
  t.same(imageModels, [
    ['grok2_basic'],
    ['grok2_basic'],
    ['grok2_basic', 'grok2_premium', 'dalle3'],
    ['grok2_basic', 'grok2_premium', 'dalle3', 'gpt_image_1'],
  ]);
  t.same(
    catalogue.plans.map((plan) => qualitiesOf(catalogue, plan).at(-1)),
    ['draft', 'standard', 'premium', 'premium'],
  );
  t.same(
    catalogue.plans.filter((plan) => plan.listed).map(({ key }) => key),
    ['starter', 'pro', 'enterprise'],
  );
  t.same(caps(catalogue, 'analyticsDepth'), ['basic', 'standard', 'advanced', 'premium']);
  t.same(caps(catalogue, 'horizonDays'), [7, 30, 90, 365]);
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
  t.same(
    marks.map(([feature]) => feature).sort(),
    Object.keys(catalogue.features).sort(),
    'the table has all 20 features',
  );
  checkFeatures(t, catalogue, marks);
  t.same(Object.keys(catalogue.capabilities), [
    'full_ai',
    'premium_ai',
    'enhanced_autopilot',
    'ai_inbox',
    'crm_integration',
    'advanced_analytics',
    'predictive_analytics',
    'white_label',
    'autopilot_research',
    'autopilot_ads',
  ]);
  t.same(catalogue.qualityPresets, {
    draft: { quality: 'draft', width: 1024, height: 1024 },
    standard: { quality: 'standard', width: 1024, height: 1024 },
    premium: { quality: 'premium', width: 1024, height: 1536 },
    story: { quality: 'premium', width: 1024, height: 1792 },
    banner: { quality: 'premium', width: 1536, height: 1024 },
  });
  t.same(catalogue.upgrades, {
    free: ['starter', 'pro'],
    starter: ['pro', 'enterprise'],
    pro: ['enterprise'],
  });
});

t.test('whisperforge', async (t) => {
  const plans = ['free', 'pro', 'business', 'enterprise'];
  const catalogue = await table(t, 'whisperforge', plans, [
    ['audio.seconds', 'period', 3_600, 18_000, 60_000, unl],
    ['kb.files', 'total', 3, 15, unl, unl],
    ['team.members', 'total', 1, 1, 5, unl],
  ]);
  t.same(prices(catalogue), [
    [0, 0],
    [1_900, 18_240],
    [4_900, 47_040],
    [null, null],
  ]);
  t.same(
    catalogue.plans.map((plan) => plan.price.annualDiscountBps),
    [2_000, 2_000, 2_000, 2_000],
  );
  const [free, pro] = catalogue.plans.map((plan) => chosen(plan.caps.textModels, catalogue.textModels));
  t.ok(free?.every((model) => model === 'gpt-3.5-turbo' || /^claude-.*sonnet/.test(model)));
  t.ok(free?.includes('gpt-3.5-turbo') && free.some((model) => /^claude-.*sonnet/.test(model)));
  for (const model of ['gpt-4', 'claude-3-opus', 'grok-2']) {
    t.notOk(free?.includes(model));
    t.ok(pro?.includes(model));
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
  checkFeatures(t, catalogue, marks);
  t.same(caps(catalogue, 'support'), ['community', 'email', 'priority', 'dedicated']);
  t.same(
    catalogue.plans.map((plan) => plan.limits.find((one) => one.meter === 'audio.seconds')?.onLimit),
    ['deny', 'overage', 'overage', 'deny'],
  );
});

t.test('a meter that only other plans name is disabled', async (t) => {
  const catalogue = parseCatalogue(
    (await read('crew')).replace('      - { meter: gen.video, window: period, amount: disabled }\n', ''),
  );
  t.equal(limit(catalogue, 'free', 'gen.video', 'period'), off);
  t.equal(
    limit(catalogue, 'free', 'images', 'period'),
    undefined,
    'a meter that no plan names is not metered',
  );
});
