import t from 'tap';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { chooseSearchModels, planSearch, planSearchCall, searchFallbacks } from './search.ts';

const modelOf = (provider: string): ModelInfo => ({
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
});
const models = ['serper', 'tavily', 'firecrawl', 'exa', 'openai'].map(modelOf);
const disabled = (provider: string) => ({
  meter: `calls.${provider}`,
  amount: { kind: 'disabled' } as const,
});
const request = { provider: 'auto', full_text: false, all_providers: false } as const;
const chosen = (...args: Parameters<typeof chooseSearchModels>) =>
  chooseSearchModels(...args).map(({ provider }) => provider);

t.test('auto is the first provider that the plan does not disable', async (t) => {
  t.strictSame(chosen(models, [], request), ['tavily']);
  t.strictSame(chosen(models, [disabled('tavily')], request), ['exa']);
  t.strictSame(chosen(models, [], { ...request, full_text: true }, ['serper', 'exa']), ['exa']);
  t.strictSame(chosen(models, [disabled('exa')], { ...request, all_providers: true }), [
    'tavily',
    'serper',
    'firecrawl',
  ]);
  t.throws(() => chosen(models, [], request, []), { code: 'service_unavailable' });
});

t.test('auto has others behind it, and a named provider has none', async (t) => {
  const behind = (more: object = {}, limits = [disabled('serper')]) =>
    searchFallbacks(models, limits, { ...request, ...more }).map(({ provider }) => provider);
  t.strictSame(behind(), ['exa', 'firecrawl']);
  t.strictSame(behind({ provider: 'tavily' }), []);
  t.strictSame(behind({ all_providers: true }), []);
  const price = { provider: 'x', model: 'x', version: 'x', tiers: [] };
  const [tavily, exa, firecrawl] = ['tavily', 'exa', 'firecrawl'].map((name) => ({
    model: modelOf(name),
    price,
  }));
  if (!tavily || !exa || !firecrawl) throw new Error('There are three.');
  t.match(planSearch([tavily], 5, [exa, firecrawl]).calls, [
    {
      provider: 'tavily',
      fallbacks: [
        { provider: 'exa', index: 0 },
        { provider: 'firecrawl', otherUnits: { page: 5 } },
      ],
    },
  ]);
});

t.test('a named provider is asked, also if the plan disables it, so that its limit refuses', async (t) => {
  t.strictSame(chosen(models, [disabled('serper')], { ...request, provider: 'serper' }), ['serper']);
  t.throws(() => chosen(models, [], { ...request, provider: 'serper', full_text: true }), {
    code: 'unsupported_parameter',
  });
});

t.test('a call is bounded by its search, or by a page for each source', async (t) => {
  const price = { provider: 'x', model: 'x', version: 'x', tiers: [] };
  t.match(planSearchCall({ model: modelOf('exa'), price }, 1, 7), { index: 1, otherUnits: { search: 1 } });
  t.match(planSearchCall({ model: modelOf('firecrawl'), price }, 0, 7), { otherUnits: { page: 7 } });
});
