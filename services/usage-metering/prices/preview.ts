/** What the calls of the last days would have cost at other prices. */
import type { AddPricesBody } from '#libs/contracts/prices.ts';
import type { Database } from '#libs/db/database.ts';
import { ceilDiv, PICO_PER_NANO } from '#libs/money/money.ts';
import { effectivePrice, type ModelPrice } from '#libs/pricing/price.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';
import { sumUnits, type UsedUnits } from './admin-store.ts';
import { rowsOfRequest } from './domain.ts';
import { listPriceHistory } from './store.ts';

export type Repriced = {
  provider: string;
  model: string;
  calls: number;
  costNanoUsd: bigint;
  repricedNanoUsd: bigint;
};

/**
 * @param changes of models that exist. Several of one model take effect together.
 * @throws ProblemError `semantic_error` for a unit that was used and has no price.
 */
export async function repriceUsage(
  database: Database,
  changes: readonly AddPricesBody[],
  { from, to }: { from: Date; to: Date },
): Promise<Repriced[]> {
  const repriced: Repriced[] = [];
  for (const ofModel of Map.groupBy(changes, ({ provider, model }) => `${provider}/${model}`).values()) {
    const { provider, model } = ofModel[0] as AddPricesBody;
    const history = await listPriceHistory(database, { provider, model });
    const rows = [...history, ...ofModel.flatMap((change) => rowsOfRequest(change, to))];
    const price = effectivePrice(rows, provider, model, to);
    if (price === undefined)
      throw problem('semantic_error', {
        detail: `${provider}/${model} has no base price.`,
        fields: { param: 'prices' },
      });
    const starts = price.tiers.map(({ fromInputTokens }) => fromInputTokens);
    const { calls, costNanoUsd, units } = await sumUnits(database, { provider, model, from, to }, starts);
    repriced.push({ provider, model, calls, costNanoUsd, repricedNanoUsd: costOf(units, price) });
  }
  return repriced;
}

function costOf(used: readonly UsedUnits[], price: ModelPrice): bigint {
  let pico = 0n;
  for (const { tier, class: unitClass, units } of used) {
    const each = price.tiers[tier]?.picoUsdPerUnit[unitClass as UnitClass];
    if (each === undefined)
      throw problem('semantic_error', {
        detail: `${price.provider}/${price.model} has no price for ${unitClass}, which was used.`,
        fields: { param: 'prices' },
      });
    pico += units * each;
  }
  return ceilDiv(pico, PICO_PER_NANO);
}
