import t from 'tap';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { worstCaseOf } from './meters.ts';

/** @param nanoUsd for each token of every class. */
const call = (
  provider: string,
  model: string,
  nanoUsd: number,
  tokens: number,
  more: Partial<PlannedCall> = {},
): PlannedCall => {
  const pico = `${nanoUsd}000`;
  const tiers = [{ from_input_tokens: 0, pico_usd_per_unit: { input: pico, output: pico } }];
  return {
    ...{ index: 0, step: 'blog.article', provider, model, upstreamModel: model, choices: 1 },
    ...{ inputTokens: tokens, outputTokens: tokens, otherUnits: {}, counts: { 'gen.blog': 1 } },
    ...{ hiddenReasoning: false, price: { provider, model, version: `${provider}/${model}@1`, tiers } },
    ...more,
  };
};

t.test('given fallbacks, then the worst case covers the highest amount of every meter, once', async (t) => {
  const fallbacks = [call('gemini', 'dear', 5, 100), call('mistral', 'middle', 2, 300)];
  t.strictSame(worstCaseOf({ calls: [call('openai', 'cheap', 1, 200, { fallbacks })] }), {
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

t.test('given several calls, then their worst cases add up', async (t) => {
  const calls = [
    call('openai', 'cheap', 1, 200),
    call('mistral', 'middle', 2, 300, { index: 1, choices: 2 }),
  ];
  t.match(worstCaseOf({ calls }), { cost: 400n + 1_800n, 'tokens.total': 1_300n, 'api.requests': 1n });
});
