import t from 'tap';
import {
  SEARCH_PROVIDERS,
  type SearchProvider,
  type SearchRequest,
  searchRequest,
} from '#libs/contracts/search.ts';
import { mergeSources, planSearch } from '#libs/pipelines/search.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { request } from '#libs/testing/http.ts';
import { createTestGeneration } from '../fixtures.ts';

const generation = await createTestGeneration(t);
const { simulator } = generation;

/** Pico-USD: the prices of the price book. */
const PRICES: Record<SearchProvider, Record<string, string>> = {
  tavily: { search: '1000000000' },
  serper: { search: '1000000000' },
  exa: { search: '3000000000' },
  firecrawl: { page: '2000000000' },
};

function planOf(providers: readonly SearchProvider[], limit: number) {
  const models = providers.map((provider) => {
    const model: ModelInfo = {
      provider,
      model: `${provider}_search`,
      aliases: [],
      upstreamModel: 'search',
      kind: provider === 'firecrawl' ? 'page' : 'search',
      contextWindow: 0,
      maxOutputTokens: 0,
      maxImageInputTokens: 0,
      tokenizer: null,
      capabilities: { vision: false, tools: false, jsonSchema: false, reasoning: false, streaming: false },
    };
    const tiers = [{ from_input_tokens: 0, pico_usd_per_unit: PRICES[provider] }];
    return { model, price: { provider, model: model.model, version: `${provider}@test`, tiers } };
  });
  return planSearch(models, limit);
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

async function search(
  providers: readonly SearchProvider[],
  more: Partial<SearchRequest> = {},
  options: { storeResponse?: boolean } = {},
) {
  const body = searchRequest.parse({ query: 'fountain pen feeds', limit: 3, ...more });
  const { requestId, headers } = await generation.admit(planOf(providers, body.limit), options);
  const answer = await request<Answer>(generation.workUrl, { headers, body });
  const state = await generation.holdState(requestId);
  return { requestId, ...answer, rows: await generation.rows(requestId), state };
}

t.test('given each provider, then its sources are read, and its searches or pages are charged', async (t) => {
  const [tavily, ...others] = await Promise.all(SEARCH_PROVIDERS.map((provider) => search([provider])));
  for (const [answer, provider, cost, pages] of [
    [tavily, 'tavily', 1_000_000n, 0],
    [others[0], 'exa', 3_000_000n, 0],
    [others[1], 'serper', 1_000_000n, 0],
    [others[2], 'firecrawl', 6_000_000n, 3],
  ] as const) {
    t.match(answer, {
      status: 200,
      body: {
        query: 'fountain pen feeds',
        sources: [
          {
            id: /^src_[0-9a-f]{8}$/,
            url: /^https:\/\/library\.example\//,
            text: /fountain pen feeds/,
            provider,
          },
          {},
          {},
        ],
        incomplete: [],
        usage: { searches: pages === 0 ? 1 : 0, pages },
      },
      rows: [
        {
          step: 'search',
          provider,
          status: 'ok',
          usage_source: 'provider',
          cost_nano_usd: cost,
          overrun: false,
        },
      ],
      state: 'closed',
    });
  }
  const ids = (answer: Answer) => answer.body.sources.map(({ id }: { id: string }) => id);
  t.strictSame(ids(others[0]), ids(tavily), 'one page has one id');
  const { body: full } = await search(['tavily'], { full_text: true });
  t.match(full.sources[0].text, /^# .*\n\nOn fountain pen feeds: /);
});

t.test(
  'given several providers, of which one fails, then the others are delivered and charged',
  async (t) => {
    const plan = planOf(['tavily', 'exa', 'serper'], 3);
    const failing = simulator.url.replace(/\d+$/, '1');
    const broken = await createTestGeneration(t, { EXA_BASE_URL: failing, PROVIDER_ATTEMPTS: '1' });
    const { requestId, headers } = await broken.admit(plan);
    const body = searchRequest.parse({ query: 'nibs', limit: 3, all_providers: true });
    const answer = await request<Answer>(broken.workUrl, { headers, body });
    t.match(answer, {
      status: 200,
      body: { sources: [{}, {}, {}], incomplete: ['exa'], usage: { searches: 2 } },
    });
    t.equal(answer.body.sources.length, 3, 'each page once');
    t.equal(await broken.holdState(requestId), 'closed');
    t.match(await broken.rows(requestId), [
      { provider: 'tavily', cost_nano_usd: 1_000_000n },
      { provider: 'exa', status: 'error', cost_nano_usd: 0n },
      { provider: 'serper', cost_nano_usd: 1_000_000n },
    ]);

    const [exa, ...fallbacks] = planOf(['exa', 'tavily'], 3).calls.map((call) => ({ ...call, index: 0 }));
    const chain = exa && { ...exa, fallbacks };
    const replaced = await broken.admit({ kind: 'search', calls: chain ? [chain] : [] });
    const found = await request<Answer>(broken.workUrl, {
      headers: replaced.headers,
      body: searchRequest.parse({ query: 'nibs', limit: 3 }),
    });
    t.match(found, { status: 200, body: { sources: [{ provider: 'tavily' }, {}, {}], incomplete: [] } });
    t.match(await broken.rows(replaced.requestId), [{ provider: 'tavily', cost_nano_usd: 1_000_000n }]);
    t.equal(await broken.holdState(replaced.requestId), 'closed');
  },
);

t.test('given a provider that refuses or answers nonsense, then the error is explained', async (t) => {
  for (const [directive, status, code, cost_nano_usd] of [
    ['status=400', 400, 'invalid_request', 0n],
    ['status=401', 502, 'provider_error', 0n],
    ['malformed', 502, 'provider_malformed', 1_000_000n],
  ] as const) {
    const failed = await search(['tavily'], { query: `pens [[simulate: ${directive}]]` });
    t.match(
      failed,
      { status, body: { code }, rows: [{ status: 'error', cost_nano_usd }], state: 'closed' },
      directive,
    );
  }
});

t.test('given a response that is to be stored, then a repeat finds it', async (t) => {
  const { requestId, body } = await search(['serper'], {}, { storeResponse: true });
  const path = `/internal/results/${requestId}`;
  const kept = await request<Answer>(`${generation.url}${path}`, { headers: generation.sign(path) });
  t.match(kept.body, { state: 'done', headers: { 'x-inkmeter-cost-usd': '0.001000000' } });
  t.strictSame(JSON.parse(Buffer.from(kept.body.body_base64, 'base64').toString()), body);
});

t.test('sources are merged by rank, each page once', async (t) => {
  const source = (url: string) => ({ id: url, title: url, url, text: 'x', provider: 'exa' as const });
  const merged = mergeSources(
    [
      [source('https://a.example/'), source('https://b.example/x')],
      [source('http://www.a.example#top'), source('https://c.example'), source('https://d.example')],
    ],
    3,
  );
  t.strictSame(
    merged.map(({ url }) => url),
    ['https://a.example/', 'https://b.example/x', 'https://c.example'],
  );
  t.strictSame(mergeSources([], 3), []);
});
