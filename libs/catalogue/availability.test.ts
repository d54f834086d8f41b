import { readFileSync } from 'node:fs';
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

t.test('a plan lists only the names that it includes', async (t) => {
  t.same(availabilityOf('crew', 'free'), [], 'a disabled meter is not included');
  t.same(availabilityOf('crew', 'pro'), []);
  t.same(availabilityOf('alwrity-alpha', 'free'), []);
  t.same(availabilityOf('alwrity-alpha', 'pro'), ['advanced_analytics'], 'a bundle includes its features');
});

t.test('an unknown or repeated name is refused', async (t) => {
  const text = textOf('crew').replace('  - white_label\n', '  - gen.voice\n  - gen.video\n  - gen.video\n');
  const refuse = () => parseCatalogue(text);
  t.throws(refuse, CatalogueError);
  t.throws(refuse, /gen\.voice is not a feature, content type, meter or cap of this catalogue/);
  t.throws(refuse, /gen\.video is listed twice/);
});
