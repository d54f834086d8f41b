import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { boundOf, type MeterAmounts, worstCaseMeters } from '#libs/pipelines/meters.ts';
import { worstCaseNanoUsd } from '#libs/pricing/price.ts';
import type { PriceBook } from '../../prices/domain.ts';

/** The largest amounts that a plan can come to, by meter. */
export function worstCaseOf(plan: CallPlan, priceBook: Pick<PriceBook, 'priced'>): MeterAmounts {
  const amounts: MeterAmounts = {};
  for (const call of plan.calls) {
    if (call.fallbacks === undefined) addCall(call, priceBook, amounts);
    else addHighest([call, ...call.fallbacks], priceBook, amounts);
  }
  return amounts;
}

function addCall(
  call: PlannedCall,
  priceBook: Pick<PriceBook, 'priced'>,
  amounts: MeterAmounts,
): MeterAmounts {
  const { price } = priceBook.priced(`${call.provider}/${call.model}`);
  return worstCaseMeters(call, worstCaseNanoUsd(boundOf(call), price), amounts);
}

/** One of the calls is made: the largest amount of each meter. */
function addHighest(
  calls: readonly PlannedCall[],
  priceBook: Pick<PriceBook, 'priced'>,
  amounts: MeterAmounts,
): void {
  const highest: MeterAmounts = {};
  for (const call of calls) {
    for (const [meter, amount] of Object.entries(addCall(call, priceBook, {}))) {
      if (amount > (highest[meter] ?? 0n)) highest[meter] = amount;
    }
  }
  for (const [meter, amount] of Object.entries(highest)) amounts[meter] = (amounts[meter] ?? 0n) + amount;
}
