/** Examples for the OpenAPI document; checked against the schemas by a test. */
import { limitToWire, planLimitToWire } from './limits.ts';
import { examplePaymentRequest } from './payment-requests.ts';
import { accountId } from './usage-examples.ts';

const catalogue = { id: 'default', version: 1 };

const models = {
  text_models: { all: false, allowed: ['gpt-4o-mini', 'gemini-2.5-flash'], default: 'gpt-4o-mini' },
  image_models: { all: false, allowed: ['grok2_basic'], default: 'grok2_basic' },
  embedding_models: {
    all: false,
    allowed: ['text-embedding-3-small'],
    default: 'text-embedding-3-small',
  },
  qualities: ['draft', 'standard'],
  platforms: ['twitter', 'instagram'],
};

const planLimit = (meter: string, n: bigint) =>
  planLimitToWire({
    meter,
    window: 'period',
    scope: 'account',
    amount: { kind: 'n', n },
    onLimit: 'deny',
    overagePriceNanoUsd: null,
  });
const costLimit = planLimit('cost', 2_000_000_000n);
const blogLimit = planLimit('gen.blog', 5n);

const price = { currency: 'USD', monthly_minor: 0, yearly_minor: 0 };
const pro = { key: 'pro', name: 'Pro', rank: 20 };
const proPrice = { currency: 'USD', monthly_minor: 7900, yearly_minor: 79_000 };

const freePlan = {
  key: 'free',
  name: 'Free',
  description: 'To find out what it can do.',
  rank: 0,
  aliases: [],
  popular: false,
  price,
  trial_days: 0,
  features: ['blog_writer'],
  ...models,
  requests_per_minute: 10,
  max_parallel: 1,
  priority: 0,
  analytics_depth: 'basic',
  horizon_days: 7,
  retention_days: 90,
  support: 'community',
  sla_percentage: null,
  limits: [costLimit, blogLimit],
  not_yet_available: ['white_label'],
};

export const planList = {
  catalogue,
  default_plan: 'free',
  features: { blog_writer: 'Blog articles' },
  labels: {
    features: { blog_writer: 'Blog writer' },
    models: { 'gpt-4o-mini': 'GPT-4o mini', grok2_basic: 'Grok 2 Basic' },
    qualities: { draft: 'Draft', standard: 'Standard' },
    platforms: { twitter: 'Twitter', instagram: 'Instagram' },
  },
  plans: [freePlan],
};

export const currentSubscription = {
  account_id: accountId,
  plan: 'free',
  plan_source: 'subscription',
  plan_details: { key: 'free', name: 'Free', rank: 0 },
  status: 'active',
  cycle: 'month',
  price,
  complimentary: false,
  started_at: '2026-11-01T09:30:00.000Z',
  updated_at: '2026-11-01T09:30:00.000Z',
  current_period: { start: '2026-11-01T09:30:00.000Z', end: '2026-12-01T09:30:00.000Z' },
  cancel_at_period_end: false,
  access_ends_at: null,
  scheduled_change: null,
  trial_ends_at: null,
  catalogue,
  features: ['blog_writer'],
  ...models,
  limits: [
    { ...costLimit, source: 'plan:free' },
    { ...blogLimit, source: 'plan:free' },
  ],
  valid_until: null,
};

export const myPlan = {
  plan: 'free',
  plan_source: 'subscription',
  plan_details: freePlan,
  subscription: currentSubscription,
  open_payment_request: examplePaymentRequest,
  upgrades: [pro],
  trial: { eligible: true, reason: null, plans: [{ ...pro, days: 14 }] },
};

export const planUsage = {
  plan: 'free',
  plan_source: currentSubscription.plan_source,
  plan_details: currentSubscription.plan_details,
  period: currentSubscription.current_period,
  limits: [
    {
      ...limitToWire({
        meter: 'gen.blog',
        window: 'period',
        scope: 'account',
        scopeId: '',
        kind: 'n',
        amount: 5n,
        used: 4n,
        held: 0n,
        state: 'warning',
        windowStart: new Date('2026-11-01T09:30:00.000Z'),
        resetsAt: new Date('2026-12-01T09:30:00.000Z'),
        source: 'plan:free',
      }),
      can_use: true,
      upgrade: {
        urgency: 'medium',
        suggested_plans: [{ ...pro, price: proPrice, amount: { kind: 'unlimited' } }],
      },
    },
  ],
  features: {
    blog_writer: { enabled: true, source: 'plan:free', description: 'Blog articles' },
    webhooks: { enabled: false, source: 'plan:free', description: 'Events delivered to a URL' },
  },
  text_models: models.text_models,
  image_models: models.image_models,
  embedding_models: models.embedding_models,
  qualities: { draft: true, standard: true, premium: false },
  platforms: { twitter: true, instagram: true, tiktok: false },
};

export const capability = {
  name: 'webhooks',
  feature: 'webhooks',
  description: 'Events delivered to a URL',
  enabled: false,
  source: 'plan:free',
  plan: 'free',
  plans: [pro],
};

export const planDifferences = {
  features_gained: ['webhooks'],
  features_lost: [],
  limits: [
    {
      meter: 'gen.blog',
      label: 'Blog generations',
      unit: 'count',
      window: 'period',
      scope: 'account',
      before: { kind: 'limited', value: '5' },
      after: { kind: 'unlimited' },
      change: 'raised',
    },
  ],
};

export const planComparison = {
  a: freePlan,
  b: {
    ...freePlan,
    ...pro,
    price: proPrice,
    trial_days: 14,
    features: ['blog_writer', 'webhooks'],
  },
  direction: 'upgrade',
  changes: planDifferences,
};
