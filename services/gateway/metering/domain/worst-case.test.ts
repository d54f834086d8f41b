import t from 'tap';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { PricedModel } from '../../prices/domain.ts';
import { worstCaseOf } from './worst-case.ts';

/** Nano-USD for each token of every class. */
const PRICES: Record<string, bigint> = { 'openai/cheap': 1n, 'gemini/dear': 5n, 'mistral/middle': 2n };

const priceBook = {
  priced: (name: string) => {
    const [provider = '', model = ''] = name.split('/');
    const pico = (PRICES[name] ?? 0n) * 1_000n;
    const tiers = [{ fromInputTokens: 0, picoUsdPerUnit: { input: pico, output: pico } }];
    return { price: { provider, model, version: name, tiers } } as unknown as PricedModel;
  },
};

const call = (provider: string, model: string, tokens: number, more: Partial<PlannedCall> = {}) =>
  ({
    ...{ index: 0, step: 'blog.article', provider, model, upstreamModel: model, choices: 1 },
    ...{ inputTokens: tokens, outputTokens: tokens, otherUnits: {}, counts: { 'gen.blog': 1 } },
    ...more,
  }) as PlannedCall;

t.test('given fallbacks, then the worst case covers the highest amount of every meter, once', async (t) => {
  const fallbacks = [call('gemini', 'dear', 100), call('mistral', 'middle', 300)];
  const plan = { kind: 'job' as const, calls: [call('openai', 'cheap', 200, { fallbacks })] };
  t.strictSame(worstCaseOf(plan, priceBook), {
    cost: 1_200n,
    'calls.openai': 1n,
    'calls.gemini': 1n,
    'calls.mistral': 1n,
    'tokens.total': 600n,
    'tokens.openai': 400n,
    'tokens.gemini': 200n,
    'tokens.mistral': 600n,
    'gen.blog': 1n,
    'api.requests': 1n,
  });
});
