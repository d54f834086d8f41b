import { readFile } from 'node:fs/promises';
import t from 'tap';
import {
  capabilityGrant,
  contentTypeGrant,
  fallbackModel,
  fallbackQuality,
  featureGrant,
  isModelAllowed,
} from './access.ts';
import { type EntitlementInput, entitlementsAt } from './entitlements.ts';
import type { AccountOverride } from './overrides.ts';
import { parseCatalogue } from './parse.ts';

const read = (id: string) => readFile(new URL(`../../deploy/catalogues/${id}.yaml`, import.meta.url), 'utf8');
const lily = parseCatalogue(await read('lily'));
const alpha = parseCatalogue(await read('alwrity-alpha'));
const crew = parseCatalogue(await read('crew'));

const day = (date: number) => new Date(Date.UTC(2026, 10, date));
const now = day(20);

const account = (planKey: string, more: Partial<EntitlementInput> = {}): EntitlementInput => ({
  catalogue: lily,
  catalogueVersion: 'v1',
  accountId: 'a1',
  segments: [],
  seats: null,
  overrides: [],
  flags: [],
  guardRails: [],
  subscription: { planKey, status: 'active', trialEndsAt: null, accessEndsAt: null },
  ...more,
});

const limitOf = (input: EntitlementInput, meter: string, window: string, at = now) =>
  entitlementsAt(input, at).limits.find((limit) => limit.meter === meter && limit.window === window);

t.test('a plan gives features, models, qualities, platforms and limits, each with its source', async (t) => {
  const starter = entitlementsAt(account('starter'), now);
  t.match(starter.plan, { key: 'starter', rank: 10, source: 'subscription' });
  t.same(starter.imageModels.allowed, ['grok2_basic']);
  t.equal(starter.imageModels.default, 'grok2_basic');
  t.same(starter.qualities.allowed, ['draft', 'standard']);
  t.same(starter.platforms.allowed, ['twitter', 'instagram', 'facebook', 'linkedin']);
  t.same(starter.features.auto_post, { granted: true, source: 'plan:starter' });
  t.same(starter.features.bulk_operations, { granted: false, source: 'plan:starter' });
  t.same(starter.outputTokensCap, { value: 2_048, source: 'plan:starter' });
  t.equal(starter.validUntil, null);
  t.equal(entitlementsAt(account('basic'), now).plan.key, 'starter', 'by its alias');
  const pro = entitlementsAt(account('pro'), now);
  t.equal(pro.imageModels.default, 'dalle3', 'the best of the plan');
  t.same(pro.features.image_custom_size, { granted: true, source: 'plan:pro' }, 'part of premium_ai_models');
});

t.test('content types, capabilities, and names that the catalogue does not define', async (t) => {
  const free = entitlementsAt(account('free', { catalogue: crew }), now);
  t.same(contentTypeGrant(free, 'blog'), { granted: true, source: 'ungated' });
  t.same(contentTypeGrant(free, 'social'), { granted: false, source: 'plan:free' });
  t.same(contentTypeGrant(free, 'constructor'), { granted: false, source: 'not_sold' });
  t.same(featureGrant(free, 'image_batch'), { granted: true, source: 'ungated' });
  const tester = entitlementsAt(account('free', { catalogue: alpha }), now);
  t.equal(contentTypeGrant(tester, 'seo').granted, true, 'basic_seo is enough');
  t.equal(contentTypeGrant(tester, 'content_plan').granted, false);
  const starter = entitlementsAt(account('starter'), now);
  t.same(capabilityGrant(lily, starter, 'premium_ai'), { granted: false, source: 'plan:starter' });
  t.equal(capabilityGrant(lily, starter, 'premium_ai_models'), undefined, 'not a capability name');
  t.equal(capabilityGrant(lily, starter, 'toString'), undefined);
});

t.test('fallbacks go down the ladder', async (t) => {
  const { imageModels, textModels, qualities } = entitlementsAt(account('pro'), now);
  t.equal(isModelAllowed(imageModels, 'gpt_image_1'), false);
  t.equal(fallbackModel(imageModels, 'gpt_image_1'), 'dalle3');
  t.equal(fallbackModel(textModels, 'grok-4'), 'gemini-2.5-pro');
  t.equal(fallbackModel(textModels, 'never-heard-of'), 'gpt-4o');
  t.equal(fallbackQuality(qualities, 'premium'), 'standard');
  const starter = entitlementsAt(account('starter'), now);
  t.equal(fallbackQuality(starter.qualities, 'premium'), 'standard');
  const enterprise = entitlementsAt(account('enterprise'), now);
  t.equal(isModelAllowed(enterprise.textModels, 'any-model-with-a-price'), true);
});

t.test('a trial and a cancelled subscription end by time', async (t) => {
  const trial = account('pro', {
    subscription: { planKey: 'pro', status: 'trialing', trialEndsAt: day(24), accessEndsAt: null },
  });
  t.match(entitlementsAt(trial, now), { plan: { key: 'pro' }, validUntil: day(24) });
  t.match(entitlementsAt(trial, day(24)), { plan: { key: 'free', source: 'trial_ended' }, validUntil: null });
  const end = (status: EntitlementInput['subscription']['status'], accessEndsAt: Date | null) =>
    entitlementsAt(
      account('pro', { subscription: { planKey: 'pro', status, trialEndsAt: null, accessEndsAt } }),
      now,
    ).plan;
  t.match(end('cancelled', day(25)), { key: 'pro' });
  t.match(end('cancelled', day(20)), { key: 'free', source: 'subscription_ended' });
  t.match(end('cancelled', null), { key: 'free', source: 'subscription_ended' });
  t.match(end('past_due', day(25)), { key: 'pro' });
  t.match(end('past_due', day(19)), { key: 'free', source: 'payment_overdue' });
  t.match(entitlementsAt(account('gone'), now).plan, { key: 'free', source: 'plan_not_in_catalogue' });
});

t.test('overrides act while they are in force', async (t) => {
  const overrides: AccountOverride[] = [
    { kind: 'quota_boost', id: 'b1', meter: 'images', n: 40n, from: day(19), until: day(21) },
    { kind: 'quota_boost', id: 'b2', meter: 'images', n: 2n, from: day(20), until: null },
    {
      kind: 'limit_replacement',
      id: 'r1',
      meter: 'social.posts',
      window: 'week',
      amount: { kind: 'unlimited' },
      from: day(1),
      until: null,
    },
    {
      kind: 'limit_replacement',
      id: 'r2',
      meter: 'audio.seconds',
      amount: { kind: 'n', n: 60n },
      from: day(1),
      until: null,
    },
    { kind: 'feature_grant', id: 'f1', feature: 'premium_ai_models', from: day(1), until: day(22) },
  ];
  const input = account('starter', { overrides });
  t.match(limitOf(input, 'images', 'period'), {
    amount: { kind: 'n', n: 52n },
    source: 'override:b1+override:b2',
  });
  t.match(limitOf(input, 'images', 'period', day(21)), { amount: { n: 12n }, source: 'override:b2' });
  t.match(limitOf(input, 'images', 'period', day(18)), { amount: { n: 10n }, source: 'plan:starter' });
  t.match(limitOf(input, 'social.posts', 'week'), { amount: { kind: 'unlimited' }, source: 'override:r1' });
  t.match(limitOf(input, 'social.posts', 'day'), { amount: { n: 5n } }, 'the other window stays');
  t.match(limitOf(input, 'audio.seconds', 'period'), {
    amount: { n: 60n },
    source: 'override:r2',
    blocks: false,
  });
  t.same(entitlementsAt(input, now).features.image_custom_size, { granted: true, source: 'override:f1' });
  t.equal(entitlementsAt(input, day(22)).features.image_custom_size?.granted, false);
  t.same(entitlementsAt(input, now).validUntil, day(21));

  const moved = account('free', {
    overrides: [
      { kind: 'plan_change', id: 'p1', plan: 'pro', from: day(1), until: null },
      { kind: 'plan_change', id: 'p2', plan: 'enterprise', from: day(10), until: day(21) },
      { kind: 'plan_change', id: 'p3', plan: 'no-such-plan', from: day(11), until: null },
    ],
  });
  t.match(entitlementsAt(moved, now).plan, { key: 'enterprise', source: 'override:p2' });
  t.match(entitlementsAt(moved, day(21)).plan, { key: 'pro', source: 'override:p1' });
});

t.test('a boost adds a meter that the plan lacks, in its window', async (t) => {
  const boost = (more: object) =>
    account('free', {
      overrides: [
        {
          kind: 'quota_boost',
          id: 'b',
          meter: 'social.autopilot_posts',
          n: 3n,
          from: day(1),
          until: null,
          ...more,
        },
      ],
    });
  t.match(limitOf(boost({}), 'social.autopilot_posts', 'day'), { amount: { kind: 'n', n: 3n } });
  t.match(limitOf(boost({ window: 'week' }), 'social.autopilot_posts', 'day'), {
    amount: { kind: 'disabled' },
  });
  const without = parseCatalogue(
    (await read('lily')).replace(
      '      - { meter: social.autopilot_posts, window: day, amount: disabled }\n',
      '',
    ),
  );
  const placed = { ...boost({ window: 'week' }), catalogue: without };
  t.match(limitOf(placed, 'social.autopilot_posts', 'week'), { amount: { kind: 'n', n: 3n } });
  t.equal(limitOf(placed, 'social.autopilot_posts', 'day'), undefined, 'the daily limit is not disabled');
});

t.test('flags grant and withhold, and overrides take precedence', async (t) => {
  const input = account('pro', {
    flags: [
      { key: 'white_label', enabled: true, rules: [{ kind: 'plan', plans: ['pro'], on: true }] },
      {
        key: 'slow_rollout',
        feature: 'bulk_operations',
        enabled: true,
        rules: [{ kind: 'boolean', on: false }],
      },
      { key: 'secret', enabled: true, rules: [{ kind: 'account', accountIds: ['a1'], on: true }] },
    ],
  });
  const { features, flags } = entitlementsAt(input, now);
  t.same(features.white_label, { granted: true, source: 'flag:white_label' });
  t.same(features.bulk_operations, { granted: false, source: 'flag:slow_rollout' });
  t.same(features.secret, { granted: true, source: 'flag:secret' }, 'also what no plan knows');
  t.same(flags, { white_label: true, slow_rollout: false, secret: true });
  const granted = entitlementsAt(
    {
      ...input,
      overrides: [{ kind: 'feature_grant', id: 'o', feature: 'bulk_operations', from: day(1), until: null }],
    },
    now,
  );
  t.same(granted.features.bulk_operations, { granted: true, source: 'override:o' });
});

t.test('the guard rail applies to its plans and segments, and nothing raises it', async (t) => {
  const tester = (planKey: string, more: Partial<EntitlementInput> = {}) =>
    account(planKey, { catalogue: alpha, ...more });
  t.match(limitOf(tester('free'), 'cost', 'day'), {
    amount: { n: 5_000_000_000n },
    source: 'guard_rail',
    blocks: true,
  });
  t.match(limitOf(tester('free'), 'tokens.total', 'day'), {
    amount: { n: 1_000n },
    source: 'plan:free-alpha',
  });
  t.equal(limitOf(tester('pro'), 'cost', 'day'), undefined);
  t.match(limitOf(tester('pro', { segments: ['new_tester'] }), 'tokens.total', 'day'), {
    amount: { n: 1_000n },
    source: 'guard_rail',
  });
  const settings: EntitlementInput['guardRails'] = [
    { target: { kind: 'global' }, enabled: true },
    {
      target: { kind: 'plan', plan: 'pro-alpha' },
      enabled: true,
      tokensPerDay: 20_000n,
      costPerDayNanoUsd: null,
    },
    { target: { kind: 'account', accountId: 'a2' }, enabled: false },
  ];
  t.match(limitOf(tester('basic', { guardRails: settings }), 'tokens.total', 'day'), {
    amount: { n: 1_000n },
    source: 'guard_rail:global',
  });
  const pro = tester('pro', { guardRails: settings });
  t.match(limitOf(pro, 'tokens.total', 'day'), { amount: { n: 20_000n }, source: 'guard_rail:plan' });
  t.equal(limitOf(pro, 'cost', 'day'), undefined);
  t.match(limitOf({ ...pro, accountId: 'a2' }, 'tokens.total', 'day'), { source: 'plan:pro-alpha' });
  const boosted = tester('pro', {
    guardRails: settings,
    overrides: [
      { kind: 'quota_boost', id: 'b', meter: 'tokens.total', n: 1_000_000n, from: day(1), until: null },
    ],
  });
  t.match(limitOf(boosted, 'tokens.total', 'day'), { amount: { n: 20_000n } });
});

t.test('bought seats raise the member limit and never lower it', async (t) => {
  t.match(limitOf(account('pro', { seats: 12 }), 'team.members', 'total'), {
    amount: { n: 12n },
    source: 'seats',
  });
  t.match(limitOf(account('pro', { seats: 2 }), 'team.members', 'total'), {
    amount: { n: 5n },
    source: 'plan:pro',
  });
});

t.test('only tokens and cost stop at the block threshold', async (t) => {
  const blocked = entitlementsAt(account('pro'), now).limits.filter((limit) => limit.blocks);
  t.same(
    blocked.map((limit) => limit.meter),
    ['cost'],
  );
});
