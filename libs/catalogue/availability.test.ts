import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { CONTENT_TYPES } from '#libs/contracts/generate.ts';
import { generateImages } from '#libs/contracts/images.ts';
import {
  IMPLEMENTED_CONTENT_TYPES,
  IMPLEMENTED_FEATURES,
  missingIn,
  notYetAvailableIn,
} from './availability.ts';
import { CatalogueError, parseCatalogue } from './parse.ts';
import { findPlan } from './plans.ts';

const PRESETS = ['default', 'crew', 'alwrity-alpha', 'alwrity', 'lily', 'whisperforge'];
const textOf = (preset: string) =>
  readFileSync(new URL(`../../deploy/catalogues/${preset}.yaml`, import.meta.url), 'utf8');

function availabilityOf(preset: string, planKey: string): string[] {
  const catalogue = parseCatalogue(textOf(preset));
  const plan = findPlan(catalogue, planKey);
  if (plan === undefined) throw new Error(`${preset} has no plan ${planKey}`);
  return notYetAvailableIn(catalogue, plan);
}

for (const preset of PRESETS) {
  t.test(`${preset} marks exactly the names that are not implemented`, async (t) => {
    const catalogue = parseCatalogue(textOf(preset));
    t.same([...catalogue.notYetAvailable].sort(), missingIn(catalogue).sort());
  });
}

t.test('implemented names match the operations', async (t) => {
  t.same([...IMPLEMENTED_CONTENT_TYPES], CONTENT_TYPES);
  const required = generateImages.requirements.flatMap((requirement) =>
    requirement.kind === 'feature' ? [requirement.feature] : [],
  );
  t.ok(required.length > 0);
  for (const feature of required) t.ok(IMPLEMENTED_FEATURES.has(feature), feature);
});

/** The test that shows each feature at work. */
const PROOFS: Readonly<Record<string, string>> = {
  advanced_analytics: 'services/usage-metering/dashboard/plans.test.ts',
  advanced_research: 'deploy/local/content-matrix.test.ts',
  ai_inbox: 'deploy/local/autopilots.test.ts',
  alt_text: 'deploy/local/images.test.ts',
  api_access: 'deploy/local/entitlements.test.ts',
  auto_post: 'services/generation/social/post-routes.test.ts',
  autopilot_ads: 'deploy/local/autopilots.test.ts',
  autopilot_research: 'deploy/local/autopilots.test.ts',
  basic_ai_only: 'services/billing/plans/routes.test.ts',
  basic_analytics: 'services/usage-metering/usage/routes.test.ts',
  basic_content_generation: 'deploy/local/content-matrix.test.ts',
  basic_seo: 'deploy/local/content-matrix.test.ts',
  blog_writer: 'deploy/local/content-matrix.test.ts',
  bulk_operations: 'services/generation/social/post-routes.test.ts',
  content_planning: 'deploy/local/content-matrix.test.ts',
  crm_integration: 'services/generation/integrations/integrations.test.ts',
  custom_integrations: 'services/generation/integrations/integrations.test.ts',
  custom_prompts: 'services/generation/instructions/routes.test.ts',
  enhanced_autopilot: 'deploy/local/autopilots.test.ts',
  full_ai: 'services/billing/plans/routes.test.ts',
  full_content_generation: 'deploy/local/content-matrix.test.ts',
  image_advanced_quality: 'deploy/local/images.test.ts',
  image_batch: 'deploy/local/images.test.ts',
  image_custom_size: 'deploy/local/images.test.ts',
  image_post_processing: 'deploy/local/images.test.ts',
  image_streaming: 'deploy/local/images.test.ts',
  image_style_transfer: 'deploy/local/images.test.ts',
  knowledge_base: 'services/generation/knowledge-base/routes.test.ts',
  limited_research: 'deploy/local/content-jobs.test.ts',
  notion_integration: 'services/generation/integrations/integrations.test.ts',
  predictive_analytics: 'services/usage-metering/dashboard/plans.test.ts',
  premium_ai_models: 'services/billing/plans/routes.test.ts',
  premium_research: 'deploy/local/content-matrix.test.ts',
  priority_processing: 'services/generation/jobs/jobs.test.ts',
  seo_analysis: 'deploy/local/content-matrix.test.ts',
  standard_generation: 'deploy/local/content-matrix.test.ts',
  team_collaboration: 'services/gateway/members/routes.test.ts',
  unlimited_content_generation: 'deploy/local/content-matrix.test.ts',
  white_label: 'services/gateway/branding/branding.test.ts',
  webhooks: 'deploy/local/content-jobs.test.ts',
};

t.test('each implemented feature has a test that shows it at work', async (t) => {
  t.same(Object.keys(PROOFS).sort(), [...IMPLEMENTED_FEATURES].sort());
  for (const [feature, file] of Object.entries(PROOFS))
    t.ok(existsSync(new URL(`../../${file}`, import.meta.url)), `${feature}: ${file}`);
});

t.test('a plan lists only the names that it includes', async (t) => {
  t.same(availabilityOf('crew', 'free'), [], 'a disabled meter is not included');
  t.same(availabilityOf('crew', 'pro'), []);
  t.same(availabilityOf('alwrity-alpha', 'free'), []);
  const catalogue = parseCatalogue(
    textOf('alwrity')
      .replace('features:\n', 'features:\n  telepathy: Telepathy\n')
      .replace('currency: USD\n', 'currency: USD\nnotYetAvailable: [telepathy]\n'),
  );
  const availabilityIn = (key: string) => {
    const plan = findPlan(catalogue, key);
    return plan && notYetAvailableIn(catalogue, plan);
  };
  t.same(availabilityIn('free'), []);
  t.same(availabilityIn('enterprise'), ['telepathy'], 'a bundle includes its features');
});

t.test('an unknown or repeated name is refused', async (t) => {
  const text = textOf('crew').replace(
    'currency: USD\n',
    'currency: USD\nnotYetAvailable:\n  - gen.voice\n  - gen.video\n  - gen.video\n',
  );
  const refuse = () => parseCatalogue(text);
  t.throws(refuse, CatalogueError);
  t.throws(refuse, /gen\.voice is not a feature, content type, meter or cap of this catalogue/);
  t.throws(refuse, /gen\.video is listed twice/);
});
