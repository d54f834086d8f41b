import { readFileSync } from 'node:fs';
import t from 'tap';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { generateImages, type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { checkEntitlements, type EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import { createPriceBook } from '../prices/domain.ts';
import { cheaperImages, planImages } from './plan.ts';

const NOW = new Date('2026-12-01T12:00:00Z');
const read = (name: string) =>
  readFileSync(new URL(`../../../deploy/catalogues/${name}.yaml`, import.meta.url), 'utf8');
const catalogue = parseCatalogue(read('lily'));
const { models, rows } = parsePriceBook(read('prices'));
const priceBook = createPriceBook({ fetch: async () => ({ models, rows }), now: () => NOW });
await priceBook.reload();

const CALLER: Caller = {
  accountId: '0190a1b2-0000-7000-8000-00000000a001',
  userId: '0190a1b2-0000-7000-8000-00000000b001',
  keyId: null,
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

function check(planKey: string, body: object): Promise<EntitlementCheck<ImageRequest>> {
  const subscription = { planKey, status: 'active' as const, trialEndsAt: null, accessEndsAt: null };
  const entitlements = entitlementsAt(
    {
      ...{ catalogue, catalogueVersion: 'v1', accountId: CALLER.accountId, segments: [], seats: null },
      ...{ overrides: [], guardRails: [], flags: [], subscription },
    },
    NOW,
  );
  const request = imageRequest.parse({ prompt: 'A pen', ...body });
  const { requirements } = generateImages;
  return checkEntitlements(
    { requirements, body: request, caller: CALLER, entitlements },
    { priceBook, catalogueOf: async () => catalogue },
  );
}

const modelsOf = (one: EntitlementCheck<ImageRequest>) =>
  planImages(one).calls.map(({ model, fallbacks = [] }) => [model, ...fallbacks.map((call) => call.model)]);

t.test('`auto` draws by other models of the plan, or by cheaper ones', async (t) => {
  const auto = await check('pro', {});
  t.strictSame(modelsOf(auto), [['dalle3', 'grok2_premium', 'grok2_basic']]);
  t.strictSame(cheaperImages(auto).map(modelsOf), [[['dalle3']], [['grok2_premium']], [['grok2_basic']]]);
  const wide = await check('pro', { custom_options: { width: 1792, height: 1024 } });
  t.strictSame(modelsOf(wide), [['dalle3']], 'the others have no such size');
  t.strictSame(cheaperImages(wide).map(modelsOf), [[['dalle3']]]);
  const fine = await check('enterprise', { quality: 'premium' });
  t.strictSame(modelsOf(fine), [['gpt_image_1']], 'models of the other provider have no qualities');
  t.strictSame(cheaperImages(fine).map(modelsOf), [[['gpt_image_1']], [['dalle3']]]);
});

t.test('a named model stays, and only the reserve for its description can be left out', async (t) => {
  const named = await check('pro', { model: 'dalle3', generate_alt_text: true });
  const [drawn, described = []] = modelsOf(named);
  t.strictSame(drawn, ['dalle3']);
  t.ok(described.length > 1);
  t.strictSame(cheaperImages(named).map(modelsOf), [[['dalle3'], described.slice(0, 1)]]);
  t.strictSame(cheaperImages(await check('starter', {})), [], 'a plan with one model');
});
