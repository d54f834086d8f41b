import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { boundOf, type MeterAmounts, worstCaseMeters } from '#libs/pipelines/meters.ts';
import { worstCaseNanoUsd } from '#libs/pricing/price.ts';
import type { PriceBook } from '../../prices/domain.ts';

/** The largest amounts that a plan can come to, by meter. */
export function worstCaseOf(plan: CallPlan, priceBook: Pick<PriceBook, 'priced'>): MeterAmounts {
  const amounts: MeterAmounts = {};
  for (const call of plan.calls) {
    const { price } = priceBook.priced(`${call.provider}/${call.model}`);
    worstCaseMeters(call, worstCaseNanoUsd(boundOf(call), price), amounts);
  }
  return amounts;
}
