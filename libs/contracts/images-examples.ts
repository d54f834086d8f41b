/** Examples of `/api/images`, for an account on the plan Starter. */
import { limitToWire } from './limits.ts';

export const request = {
  prompt: 'A fountain pen resting on a letter, morning light',
  platform: 'instagram',
  quality_preset: 'standard',
  generate_alt_text: true,
};

const RESETS_AT = '2026-12-20T12:00:00.000Z';
const badge = { label: 'Starter', state: 'warning' } as const;
const usage = {
  meter: 'images',
  window: 'period',
  current: '8',
  limit: '10',
  remaining: '2',
  resets_at: RESETS_AT,
};
const upgradePrompt = {
  meter: 'images',
  window: 'period',
  percentage: 80,
  urgency: 'medium',
  suggested_plans: [
    {
      key: 'pro',
      name: 'Pro',
      rank: 20,
      price: { currency: 'USD', monthly_minor: 7900, yearly_minor: 79_000 },
      amount: { kind: 'limited', value: '50' },
    },
  ],
} as const;

export const result = {
  status: 'success',
  images: [
    {
      b64_json: 'iVBORw0KGgoAAAANSUhEUgAA…',
      url: null,
      alt_text: 'A fountain pen lies on a handwritten letter in soft morning light.',
      media_type: 'image/png',
      width: 1024,
      height: 1024,
    },
  ],
  size: null,
  quality: 'standard',
  post_processing: [],
  incomplete: [],
  plan_info: {
    plan: 'starter',
    model_used: 'grok2_basic',
    quality_used: 'standard',
    usage,
    badge,
    upgrade_prompt: upgradePrompt,
  },
};

export const capabilities = {
  plan: 'starter',
  can_generate: true,
  default_model: 'grok2_basic',
  models: ['grok2_basic'],
  qualities: { draft: true, standard: true, premium: false },
  quality_presets: [
    { name: 'standard', quality: 'standard', width: 1024, height: 1024, included: true },
    { name: 'premium', quality: 'premium', width: 1024, height: 1536, included: false },
  ],
  platforms: { twitter: true, instagram: true, tiktok: false },
  features: { image_batch: false, image_custom_size: false, image_post_processing: true, alt_text: true },
  max_count: 1,
  max_prompt_length: 1000,
};

export const models = {
  plan: 'starter',
  default_model: 'grok2_basic',
  models: [
    {
      model: 'grok2_basic',
      provider: 'xai',
      included: true,
      price_per_image_usd: '0.070000000',
      sizes: [],
      plans: [
        { key: 'pro', name: 'Pro', rank: 20 },
        { key: 'enterprise', name: 'Enterprise', rank: 30 },
      ],
    },
  ],
};

export const usageReport = {
  plan: 'starter',
  usage,
  badge,
  upgrade_prompt: upgradePrompt,
  limits: [
    limitToWire({
      meter: 'images',
      window: 'period',
      scope: 'account',
      scopeId: '',
      kind: 'n',
      amount: 10n,
      used: 8n,
      held: 0n,
      state: 'warning',
      windowStart: new Date('2026-11-20T12:00:00.000Z'),
      resetsAt: new Date(RESETS_AT),
      source: 'plan:starter',
    }),
  ],
};

export const events = [
  'event: image\ndata: {"index":0,"b64_json":"iVBORw0KGgo=","url":null,"alt_text":null,"media_type":"image/png","width":1024,"height":1024}',
  `event: complete\ndata: ${JSON.stringify({ ...result, images: result.images.map((image) => ({ ...image, b64_json: null })) })}`,
  '',
].join('\n\n');
