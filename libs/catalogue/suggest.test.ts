import { readFile } from 'node:fs/promises';
import t from 'tap';
import { comparePlans } from './compare.ts';
import { describeChanges, describeDifference, diffCatalogues } from './diff.ts';
import type { Amount } from './limit.ts';
import { parseCatalogue } from './parse.ts';
import {
  plansWith,
  plansWithFeature,
  plansWithQuality,
  type ReachedLimit,
  suggestPlans,
  upgradesFrom,
} from './suggest.ts';

const read = (id: string) => readFile(new URL(`../../deploy/catalogues/${id}.yaml`, import.meta.url), 'utf8');
const lilyText = await read('lily');
const lily = parseCatalogue(lilyText);
const crew = parseCatalogue(await read('crew'));
const keys = (plans: readonly { key: string }[]) => plans.map((plan) => plan.key);
const n = (count: bigint): Amount => ({ kind: 'n', n: count });

t.test('the smallest plan that allows twice the usage comes first', async (t) => {
  const images = (plan: string, used: bigint, amount: Amount, more: Partial<ReachedLimit> = {}) => {
    const limit = {
      meter: 'images',
      window: 'period',
      used,
      amount,
      source: `plan:${plan}`,
      ...more,
    } as const;
    const { plans, ...rest } = suggestPlans(lily, plan, limit);
    return { plans: keys(plans.map((one) => one.plan)), ...rest };
  };
  t.same(images('free', 2n, n(5n)), { plans: ['starter', 'pro'], urgency: 'low', proactive: false });
  t.same(images('free', 4n, n(5n)), { plans: ['starter', 'pro'], urgency: 'medium', proactive: true });
  t.same(
    images('free', 5n, n(5n)),
    { plans: ['pro'], urgency: 'high', proactive: true },
    '10 is not more than twice 5',
  );
  t.same(images('starter', 30n, n(10n)).plans, ['enterprise'], 'Pro has 50');
  t.same(images('pro', 100n, n(50n)).plans, [], 'nothing is big enough');
  t.same(images('enterprise', 1n, n(200n)).plans, []);
  t.equal(images('free', 19n, n(20n)).urgency, 'medium', 'exactly 95 %');
  t.same(images('free', 4n, n(5n), { asked: 6n }).plans, ['starter', 'pro']);
  t.same(images('free', 4n, n(5n), { asked: 7n }).plans, ['pro'], 'Starter has 10');
  t.same(images('free', 5n, n(5n), { source: 'guard_rail:plan' }).plans, [], 'no plan lifts it');
});

t.test('unlimited always fits, and a disabled meter never does', async (t) => {
  const blog = suggestPlans(crew, 'free', {
    meter: 'gen.blog',
    window: 'period',
    used: 5n,
    amount: n(5n),
    source: 'plan:free',
  });
  t.same(
    keys(blog.plans.map((one) => one.plan)),
    ['basic', 'pro', 'enterprise'],
    'no upgrade map: every higher rank',
  );
  const video = suggestPlans(crew, 'free', {
    meter: 'gen.video',
    window: 'period',
    used: 0n,
    amount: { kind: 'disabled' },
    source: 'plan:free',
  });
  t.same(keys(video.plans.map((one) => one.plan)), ['pro', 'enterprise']);
  t.equal(video.urgency, 'high');
});

t.test('plans that include a refused feature, model or quality', async (t) => {
  t.same(keys(upgradesFrom(lily, 'basic')), ['pro', 'enterprise'], 'by alias');
  t.same(keys(upgradesFrom(lily, 'no-such-plan')), []);
  t.same(keys(plansWithFeature(lily, 'starter', 'white_label')), ['enterprise']);
  t.same(
    keys(plansWithFeature(lily, 'starter', 'image_style_transfer')),
    ['pro', 'enterprise'],
    'by a bundle',
  );
  t.same(keys(plansWith(lily, 'starter', 'imageModels', 'gpt_image_1')), ['enterprise']);
  t.same(keys(plansWith(lily, 'starter', 'textModels', 'claude-opus-4-5')), ['enterprise']);
  t.same(keys(plansWith(lily, 'free', 'platforms', 'tiktok')), ['pro']);
  t.same(keys(plansWith(crew, 'free', 'imageModels', 'dalle3')), [], 'the catalogue sells no images');
  t.same(keys(plansWithQuality(lily, 'free', 'standard')), ['starter', 'pro']);
  t.same(keys(plansWithQuality(lily, 'free', 'no-such-quality')), []);
});

t.test('the comparison of two plans', async (t) => {
  const up = comparePlans(lily, 'starter', 'pro');
  t.match(up, {
    a: { key: 'starter' },
    b: { key: 'pro' },
    direction: 'upgrade',
    featuresLost: ['basic_ai_only'],
  });
  t.match(
    up?.limits.find((limit) => limit.meter === 'images'),
    { before: n(10n), after: n(50n), change: 'raised' },
  );
  t.match(
    up?.terms.find((term) => term.term === 'price.monthlyMinor'),
    { before: 2_900, after: 7_900 },
  );
  t.equal(comparePlans(lily, 'pro', 'basic')?.direction, 'downgrade');
  t.equal(comparePlans(lily, 'pro', 'gold'), undefined);
  const same = comparePlans(lily, 'pro', 'pro');
  t.match(same, { direction: 'same', featuresGained: [], featuresLost: [], limits: [], terms: [] });
});

t.test('the difference of two versions of a catalogue', async (t) => {
  t.same(diffCatalogues(lily, parseCatalogue(lilyText)), [], 'a file is the same as itself');
  const edited = lilyText
    .replace('{ meter: images, window: period, amount: 10 }', '{ meter: images, window: period, amount: 8 }')
    .replace(
      '{ meter: cost, window: period, amount: 10.00 USD }',
      '{ meter: cost, window: period, amount: unlimited }',
    )
    .replace(
      '{ meter: workspaces, window: total, amount: 3 }',
      '{ meter: workspaces, window: total, amount: 3, thresholds: { warn: 0.5 } }',
    )
    .replace('    features: [basic_ai_only, auto_post,', '    features: [bulk_operations, auto_post,')
    .replace('monthlyMinor: 2900', 'monthlyMinor: 3900')
    .replace('defaultPlan: free', 'defaultPlan: gratis')
    .replace('  - key: free\n', '  - key: gratis\n')
    .replace('  free: [starter, pro]', '  gratis: [starter, pro]');
  const changes = diffCatalogues(lily, parseCatalogue(edited));
  t.same(describeChanges(changes), [
    'defaultPlan changed',
    'upgrades changed',
    'plan gratis added',
    'plan starter: price.monthlyMinor 2900 → 3900',
    'plan starter: limit images per period lowered: 10 → 8',
    'plan starter: limit cost per period raised: 10.000000000 USD → unlimited',
    'plan starter: feature bulk_operations gained',
    'plan starter: feature basic_ai_only lost',
    'plan pro: policy of workspaces per total and account {"onLimit":"deny","overagePriceNanoUsd":null,"thresholds":{}} → {"onLimit":"deny","overagePriceNanoUsd":null,"thresholds":{"warnBps":5000}}',
    'plan free removed',
  ]);
});

t.test('a limit that is added or removed is distinguished from one that grows', async (t) => {
  const [before, after] = [
    crew,
    parseCatalogue((await read('crew')).replaceAll(/.*api\.requests, .*\n/g, '')),
  ];
  const [change] = diffCatalogues(before, after);
  if (change?.kind !== 'plan_changed') return t.fail('a changed plan is expected');
  t.same(describeDifference(change), ['limit api.requests per day raised: 1000 → no limit']);
});
