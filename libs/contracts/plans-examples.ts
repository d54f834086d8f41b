/** Examples for the OpenAPI document; checked against the schemas by a test. */
import { accountId } from './usage-examples.ts';

const catalogue = { id: 'default', version: 1 };

const models = {
  text_models: { all: false, allowed: ['gpt-4o-mini', 'gemini-2.5-flash'], default: 'gpt-4o-mini' },
  image_models: { all: false, allowed: ['grok2_basic'], default: 'grok2_basic' },
  qualities: ['draft', 'standard'],
  platforms: ['twitter', 'instagram'],
};

const costLimit = {
  meter: 'cost',
  unit: 'nano_usd',
  window: 'period',
  scope: 'account',
  kind: 'n',
  amount: '2000000000',
  amount_usd: '2.000000000',
  on_limit: 'deny',
  overage_price_usd: null,
} as const;

const blogLimit = {
  meter: 'gen.blog',
  unit: 'count',
  window: 'period',
  scope: 'account',
  kind: 'n',
  amount: '5',
  on_limit: 'deny',
  overage_price_usd: null,
} as const;

const price = { currency: 'USD', monthly_minor: 0, yearly_minor: 0 };

export const planList = {
  catalogue,
  default_plan: 'free',
  features: { blog_writer: 'Blog articles' },
  plans: [
    {
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
      support: 'community',
      sla_percentage: null,
      limits: [costLimit, blogLimit],
    },
  ],
};

export const currentSubscription = {
  account_id: accountId,
  plan: { key: 'free', name: 'Free', rank: 0, source: 'subscription' },
  status: 'active',
  cycle: 'month',
  price,
  started_at: '2026-11-01T09:30:00.000Z',
  current_period: { start: '2026-11-01T09:30:00.000Z', end: '2026-12-01T09:30:00.000Z' },
  cancel_at_period_end: false,
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
