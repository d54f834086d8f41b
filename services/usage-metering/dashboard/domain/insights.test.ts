import t from 'tap';
import { NO_MODEL_ROLES } from '#libs/catalogue/model-roles.ts';
import type { ModelPrice } from '#libs/pricing/price.ts';
import { type ModelUsage, NOTHING } from '../../usage/domain/usage-report.ts';
import { type InsightInput, insightsOf } from './insights.ts';

const price = (model: string, input: bigint, output?: bigint): ModelPrice => ({
  provider: 'openai',
  model,
  version: `openai/${model}@2026-01-01T00:00:00.000Z#1`,
  tiers: [{ fromInputTokens: 0, picoUsdPerUnit: { input, ...(output !== undefined && { output }) } }],
});
const usage = (model: string, of: Partial<ModelUsage> = {}): ModelUsage => ({
  ...NOTHING,
  provider: 'openai',
  model,
  calls: 100n,
  inputTokens: 100_000n,
  outputTokens: 50_000n,
  costNanoUsd: 8_000_000_000n,
  ...of,
});
const insights = (input: Partial<InsightInput>) =>
  insightsOf({ models: [], roles: NO_MODEL_ROLES, prices: [], outputCaps: [], ...input });

t.test('a cheaper model with an equal role is recommended', (t) => {
  const roles = { ...NO_MODEL_ROLES, writer: ['large', 'small', 'half', 'unpriced'], fast: ['tiny'] };
  // An average call has 1,000 tokens in and 500 out: 2,000,000 for large, 500,000 for half.
  const prices = [
    price('large', 1_000_000n, 2_000_000n),
    price('small', 900_000n, 1_900_000n),
    price('half', 250_000n, 500_000n),
    price('unpriced', 1n),
    price('tiny', 1n, 1n),
  ];
  t.strictSame(insights({ models: [usage('large')], roles, prices }), [
    {
      kind: 'cheaper_model',
      provider: 'openai',
      model: 'large',
      message: 'half has the same role (writer) and would have cost 75 % less.',
      percentage: 75,
      alternative: 'half',
      saving_usd: '6.000000000',
    },
  ]);
  const none = (of: Partial<InsightInput>) => t.strictSame(insights({ roles, prices, ...of }), []);
  none({ models: [usage('half')] });
  none({ models: [usage('tiny')] });
  none({ models: [usage('large', { costNanoUsd: 999_999_999n })] });
  none({ models: [usage('large')], roles: { ...roles, writer: ['large', 'small'] } });
  none({ models: [usage('unknown')] });
  t.end();
});

t.test('unused cache and wasted output caps are named from a size on', (t) => {
  const read = { inputTokens: 950_000n, cacheReadTokens: 50_000n };
  t.match(insights({ models: [usage('m', read)] }), [{ kind: 'cache', percentage: 5, alternative: null }]);
  t.strictSame(insights({ models: [usage('m', { inputTokens: 949_999n, cacheReadTokens: 50_000n })] }), []);
  t.strictSame(insights({ models: [usage('m', { inputTokens: 900_000n, cacheReadTokens: 100_000n })] }), []);

  const cap = { provider: 'openai', model: 'm', calls: 20n, reserved: 10_000n, used: 500n };
  t.match(insights({ outputCaps: [cap] }), [
    {
      kind: 'output_cap',
      percentage: 5,
      message: /^Calls used 5 % of the output tokens that they reserved\./,
    },
  ]);
  t.strictSame(
    insights({
      outputCaps: [
        { ...cap, calls: 19n },
        { ...cap, used: 2_000n },
      ],
    }),
    [],
  );
  t.end();
});
