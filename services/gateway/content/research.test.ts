/** The search providers of research: which are asked, what replaces them, and what is planned if the limits are too narrow. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import { createGeneration } from '#libs/contracts/generations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { checkEntitlements } from '../entitlements/domain/check-entitlements.ts';
import { createPriceBook } from '../prices/domain.ts';
import { readInputs } from './inputs.ts';
import { cheaperContent, planGeneratedContent } from './plan.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const CATALOGUES = new URL('../../../deploy/catalogues/', import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.yaml`, CATALOGUES), 'utf8');

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
const SENDER = { caller: CALLER, requestId: '0190a1b2-0000-7000-8000-00000000c001' } as never;
const SOURCES = {
  generation: [{ call: async () => ({ status: 200, body: {} }) }] as never,
  priceBook,
  searchProviders: SEARCH_PROVIDERS,
};

/** A request for content on the plan `pro` of the default catalogue, with the providers that are chosen for it. */
async function checked(wanted: object) {
  const catalogue = parseCatalogue(read('default'));
  const subscription = { planKey: 'pro', status: 'active', trialEndsAt: null, accessEndsAt: null } as const;
  const entitlements = entitlementsAt(
    {
      ...{ catalogue, catalogueVersion: 'v1', accountId: CALLER.accountId, segments: [], seats: null },
      ...{ overrides: [], guardRails: [], flags: [], subscription },
    },
    NOW,
  );
  const body = generateRequest.parse({ topic: 'rivers', length: 300, ...wanted });
  const { requirements } = createGeneration;
  const check = await checkEntitlements(
    { caller: CALLER, entitlements, requirements, body },
    { priceBook, catalogueOf: async () => catalogue },
  );
  const inputs = await readInputs(SOURCES, check, SENDER);
  return { ...check, body: { ...body, inputs } };
}

const planOf = (check: Awaited<ReturnType<typeof checked>>) =>
  planGeneratedContent('job', check, { promptTokens: 0, scale: 1 }, priceBook);

t.test('the first provider is asked, and two others replace it, within the hold', async (t) => {
  const check = await checked({ research: true });
  t.match(check.body.inputs, { research: ['tavily'], research_fallbacks: ['exa', 'serper'] });
  const [search] = planOf(check).calls;
  t.match(search, { step: 'research.tavily', provider: 'tavily', counts: {} });
  t.strictSame(
    search?.fallbacks?.map(({ provider, step }) => [provider, step]),
    [
      ['exa', 'research.tavily'],
      ['serper', 'research.tavily'],
    ],
  );
});

t.test('full texts come from providers that have them', async (t) => {
  const { body } = await checked({ research: true, research_full_text: true });
  t.match(body.inputs, { research: ['tavily'], research_fallbacks: ['exa', 'firecrawl'] });
});

t.test('a request that asks all providers has no fallbacks', async (t) => {
  const check = await checked({ research: true, research_all_providers: true });
  t.strictSame(check.body.inputs, { research: [...SEARCH_PROVIDERS] });
  t.notOk(planOf(check).calls.some(({ step, fallbacks }) => step.startsWith('research.') && fallbacks));
});

t.test('a request without research asks none', async (t) => {
  t.strictSame((await checked({})).body.inputs, {});
});

t.test('without the reserve, nothing replaces the provider', async (t) => {
  const check = await checked({ research: true });
  const [without] = cheaperContent(check);
  t.strictSame(without?.body.inputs, { research: ['tavily'] });
  const [search] = without ? planOf(without as typeof check).calls : [];
  t.match(search, { provider: 'tavily', fallbacks: undefined });
  const named = await checked({ research: true, model: 'gpt-4o-mini' });
  t.equal(cheaperContent(named).length, 1, 'also of a model that the client named');
  t.strictSame(cheaperContent(await checked({ model: 'gpt-4o-mini' })), []);
});
