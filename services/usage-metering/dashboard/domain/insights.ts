/** What an account could improve, from its calls of the last weeks. */
import type { ModelRoles } from '#libs/catalogue/model-roles.ts';
import type { InsightWire } from '#libs/contracts/dashboard.ts';
import { percentageOf } from '#libs/contracts/limits.ts';
import { formatUsd } from '#libs/money/money.ts';
import { costNanoUsd, type ModelPrice, UnpricedClassError } from '#libs/pricing/price.ts';
import type { ModelUsage } from '../../usage/domain/usage-report.ts';

/** The output tokens that calls of a model reserved, and those that they used. */
export type OutputCapUsage = {
  provider: string;
  model: string;
  calls: bigint;
  reserved: bigint;
  used: bigint;
};

export type InsightInput = {
  models: readonly ModelUsage[];
  /** The models of the plan that can stand in for each other. */
  roles: ModelRoles;
  /** The current prices, of the models of the roles too. */
  prices: readonly ModelPrice[];
  outputCaps: readonly OutputCapUsage[];
};

const MIN_INPUT_TOKENS = 1_000_000n;
const LOW_CACHE_PERCENTAGE = 10;
const MIN_CALLS = 20n;
const HIGH_ERROR_PERCENTAGE = 5;
const MIN_COST_NANO_USD = 1_000_000_000n;
const MIN_SAVING_PERCENTAGE = 20;
const LOW_OUTPUT_PERCENTAGE = 20;

export function insightsOf({ models, roles, prices, outputCaps }: InsightInput): InsightWire[] {
  return [
    ...models.flatMap((usage) => [
      ...cacheInsights(usage),
      ...errorInsights(usage),
      ...cheaperModels(usage, roles, prices),
    ]),
    ...outputCaps.flatMap(outputCapInsights),
  ];
}

const NO_SAVING = { alternative: null, saving_usd: null };

function cacheInsights({ provider, model, inputTokens, cacheReadTokens }: ModelUsage): InsightWire[] {
  const read = inputTokens + cacheReadTokens;
  const percentage = percentageOf(cacheReadTokens, read) ?? 0;
  if (read < MIN_INPUT_TOKENS || percentage >= LOW_CACHE_PERCENTAGE) return [];
  const message = `Only ${percentage} % of the input tokens were read from the cache. Put the parts that repeat first.`;
  return [{ kind: 'cache', provider, model, message, percentage, ...NO_SAVING }];
}

function errorInsights({ provider, model, calls, errors }: ModelUsage): InsightWire[] {
  const percentage = percentageOf(errors, calls) ?? 0;
  if (calls < MIN_CALLS || percentage < HIGH_ERROR_PERCENTAGE) return [];
  const message = `${percentage} % of the calls failed. Compare their error codes in the list of calls.`;
  return [{ kind: 'errors', provider, model, message, percentage, ...NO_SAVING }];
}

/** The cheapest model with an equal role, for the average call. */
function cheaperModels(usage: ModelUsage, roles: ModelRoles, prices: readonly ModelPrice[]): InsightWire[] {
  const { provider, model } = usage;
  if (usage.costNanoUsd < MIN_COST_NANO_USD || usage.calls === 0n) return [];
  const own = prices.find((price) => price.provider === provider && price.model === model);
  const ownCost = own && averageCost(usage, own);
  if (ownCost === undefined || ownCost === 0n) return [];
  const equal = Object.entries(roles).filter(([, names]) => names.includes(model));
  const candidates = equal.flatMap(([role, names]) =>
    prices
      .filter((price) => price.model !== model && names.includes(price.model))
      .map((price) => ({ role, price, cost: averageCost(usage, price) })),
  );
  const [best] = candidates
    .filter((one): one is typeof one & { cost: bigint } => one.cost !== undefined)
    .sort((a, b) => (a.cost < b.cost ? -1 : 1));
  if (best === undefined || best.cost >= ownCost) return [];
  const percentage = percentageOf(ownCost - best.cost, ownCost) ?? 0;
  if (percentage < MIN_SAVING_PERCENTAGE) return [];
  const alternative = best.price.model;
  const message = `${alternative} has the same role (${best.role}) and would have cost ${percentage} % less.`;
  const saving = (usage.costNanoUsd * (ownCost - best.cost)) / ownCost;
  return [
    {
      kind: 'cheaper_model',
      provider,
      model,
      message,
      percentage,
      alternative,
      saving_usd: formatUsd(saving),
    },
  ];
}

/** Tiers depend on the size of one prompt, so the average call is priced, not the sum. */
function averageCost(usage: ModelUsage, price: ModelPrice): bigint | undefined {
  const perCall = (tokens: bigint) => Number(tokens / usage.calls);
  try {
    return costNanoUsd(
      {
        input: perCall(usage.inputTokens),
        cache_read: perCall(usage.cacheReadTokens),
        cache_write: perCall(usage.cacheWriteTokens),
        output: perCall(usage.outputTokens),
        reasoning: perCall(usage.reasoningTokens),
      },
      price,
    );
  } catch (error) {
    if (error instanceof UnpricedClassError) return undefined;
    throw error;
  }
}

function outputCapInsights({ provider, model, calls, reserved, used }: OutputCapUsage): InsightWire[] {
  const percentage = percentageOf(used, reserved) ?? 0;
  if (calls < MIN_CALLS || reserved === 0n || percentage >= LOW_OUTPUT_PERCENTAGE) return [];
  const message = `Calls used ${percentage} % of the output tokens that they reserved. A lower cap on the output holds less of your limits.`;
  return [{ kind: 'output_cap', provider, model, message, percentage, ...NO_SAVING }];
}
