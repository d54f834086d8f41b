/** What the product can deliver of the names that a catalogue sells. */
import { featuresOf } from './features.ts';
import { PARALLEL_REQUESTS } from './limit.ts';
import { limitsOf } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

/** Features that code provides. Add a feature here when it is implemented, and remove the catalogues' marks. */
export const IMPLEMENTED_FEATURES: ReadonlySet<string> = new Set([
  // Checked by the operations that list them as requirements.
  'ai_inbox',
  'alt_text',
  'api_access',
  'auto_post',
  'autopilot_ads',
  'autopilot_research',
  'bulk_operations',
  'custom_prompts',
  'enhanced_autopilot',
  'image_advanced_quality',
  'image_batch',
  'image_custom_size',
  'image_post_processing',
  'image_streaming',
  'image_style_transfer',
  'knowledge_base',
  // Provided by the models and the limits of a plan.
  'basic_ai_only',
  'full_ai',
  'premium_ai_models',
  'unlimited_content_generation',
  // Content types: POST /api/generate and /api/generations. Steps of a higher priority start earlier.
  'priority_processing',
  'basic_content_generation',
  'full_content_generation',
  'basic_seo',
  'seo_analysis',
  'content_planning',
  'blog_writer',
  // Content from recordings: POST /api/recordings, and their recording_id in requests for content.
  'standard_generation',
  // POST /api/search.
  'advanced_research',
  'limited_research',
  'premium_research',
  // POST /api/webhook-endpoints.
  'webhooks',
  // GET /api/subscription/usage and GET /api/usage/requests.
  'basic_analytics',
  // GET /api/usage/insights.
  'advanced_analytics',
  // GET /api/usage/projection.
  'predictive_analytics',
  // /api/integrations: documents published to Notion and to systems of customers, contacts read from HubSpot.
  'notion_integration',
  'custom_integrations',
  'crm_integration',
  // /api/branding.
  'white_label',
  // Members, roles and invitations.
  'team_collaboration',
]);

/** Features that the operator delivers without code, such as a model added to the price book. */
export const OPERATOR_COMMITMENTS: ReadonlySet<string> = new Set([
  'custom_model',
  'dedicated_support',
  'on_premise',
  'priority_support',
  'sla_guarantee',
]);

/** Content types of `POST /api/generate` and `POST /api/generations`. */
export const IMPLEMENTED_CONTENT_TYPES: ReadonlySet<string> = new Set([
  'blog',
  'social',
  'audio',
  'video',
  'newsletter',
  'seo',
  'content_plan',
  'image_prompts',
  'transcript',
  'insights',
  'ads',
  'reply',
]);

/** Providers whose calls and tokens are counted. */
const PROVIDERS = [
  'anthropic',
  'exa',
  'firecrawl',
  'gemini',
  'mistral',
  'ollama',
  'openai',
  'serper',
  'stability',
  'tavily',
  'xai',
];

/** Meters that a request or an object adds to. */
export const IMPLEMENTED_METERS: ReadonlySet<string> = new Set([
  'api.requests',
  'audio.seconds',
  'brand_voices',
  'chat.requests',
  'cost',
  'images',
  'kb.bytes',
  'kb.files',
  PARALLEL_REQUESTS,
  'prompts',
  'social.autopilot_posts',
  'social.connections',
  'social.drafts',
  'social.posts',
  'team.members',
  'tokens.total',
  'workspaces',
  ...[...IMPLEMENTED_CONTENT_TYPES].map((type) => `gen.${type}`),
  ...PROVIDERS.flatMap((provider) => [`calls.${provider}`, `tokens.${provider}`]),
]);

/** Every feature, content type and meter that a catalogue names. */
export function namesIn(catalogue: Catalogue): ReadonlySet<string> {
  return new Set([
    ...Object.keys(catalogue.features),
    ...Object.keys(catalogue.contentTypes),
    ...catalogue.plans.flatMap(({ limits }) => limits.map(({ meter }) => meter)),
  ]);
}

/** The names of a catalogue that neither the product nor its operator delivers, whether marked or not. */
export function missingIn(catalogue: Catalogue): string[] {
  return [...namesIn(catalogue)].filter((name) => !isDelivered(catalogue, name));
}

/** The names marked as not yet available that a plan includes. */
export function notYetAvailableIn(catalogue: Catalogue, plan: Plan): string[] {
  const features = featuresOf(catalogue, plan);
  const limits = limitsOf(catalogue, plan);
  const isDisabled = (meter: string) =>
    limits.some((limit) => limit.meter === meter && limit.amount.kind === 'disabled');
  const contentTypes = Object.entries(catalogue.contentTypes).flatMap(([type, needed]) =>
    needed.some((feature) => features.includes(feature)) && !isDisabled(`gen.${type}`) ? [type] : [],
  );
  const meters = limits.map(({ meter }) => meter).filter((meter) => !isDisabled(meter));
  const included = new Set([...features, ...contentTypes, ...meters]);
  return catalogue.notYetAvailable.filter((name) => included.has(name));
}

function isDelivered(catalogue: Catalogue, name: string): boolean {
  return (
    IMPLEMENTED_FEATURES.has(name) ||
    OPERATOR_COMMITMENTS.has(name) ||
    IMPLEMENTED_CONTENT_TYPES.has(name) ||
    IMPLEMENTED_METERS.has(name) ||
    // A bundle of all features is as available as they are.
    catalogue.featureBundles[name] === '*'
  );
}
