/**
 * Operations that a customer's own backend runs under a hold. They are calls of a plan like any other: with a model and its
 * price, or with amounts of meters alone, which then include what they cost.
 */
import type { CostParts, ModelPrice } from '#libs/pricing/price.ts';

/** The kind of a plan of such operations. */
export const EXTERNAL_PLAN = 'external';

/** Stands where a usage row names the provider, for an operation without a model. */
export const EXTERNAL_PROVIDER = 'external';

/** The price of an operation without a model: nothing, because its meters have its cost. */
export const NO_PRICE: ModelPrice = {
  provider: EXTERNAL_PROVIDER,
  model: EXTERNAL_PROVIDER,
  version: 'none',
  tiers: [{ fromInputTokens: 0, picoUsdPerUnit: {} }],
};

/** The cost of a call, with the money that its meters count. */
export function withCountedCost(cost: CostParts, counts: Readonly<Record<string, number>>): CostParts {
  const counted = BigInt(counts.cost ?? 0);
  return {
    inputNanoUsd: cost.inputNanoUsd,
    outputNanoUsd: cost.outputNanoUsd + counted,
    totalNanoUsd: cost.totalNanoUsd + counted,
  };
}
