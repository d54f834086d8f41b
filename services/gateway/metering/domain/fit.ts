/** Fits a request into what is left of its limits, from figures alone: without trial holds. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import type { HoldAnswer, LimitView, Meters } from '#libs/ledger/types.ts';

/** What a new request may use of a meter. */
export type Headroom = { readonly meter: string; readonly amount: bigint };

/** Halvings of the range of scales: 2^-32 is far less than one token of any output cap. */
const BISECTIONS = 32;

/**
 * Whether a hold was refused for its size alone, so that a smaller one could be admitted. The ledger records every other
 * refusal at the first attempt; see `keepRefusal`.
 */
export function isTooLarge({ verdict, replayed, limit }: HoldAnswer): boolean {
  const isForSize = verdict === 'limit_held' || verdict === 'limit_exceeded';
  return isForSize && !replayed && limit !== null && remaining(limit) > 0n;
}

/** The headroom of every limit that refuses holds. Limits with overage admit any amount. */
export function headroomsOf(limits: readonly LimitUsage[], plan: Entitlements['limits']): Headroom[] {
  const headrooms: Headroom[] = [];
  for (const limit of limits) {
    const { meter, window, scope, kind, state } = limit;
    const own = plan.find((one) => one.meter === meter && one.window === window && one.scope === scope);
    const isBlocked = own?.blocks === true && (state === 'blocked' || state === 'exhausted');
    if (kind === 'disabled' || (kind === 'n' && isBlocked)) headrooms.push({ meter, amount: 0n });
    else if (kind === 'n' && own?.onLimit !== 'overage') headrooms.push({ meter, amount: remaining(limit) });
  }
  return headrooms;
}

export function fits(amounts: Meters, headrooms: readonly Headroom[]): boolean {
  return headrooms.every(({ meter, amount }) => (amounts[meter] ?? 0n) <= amount);
}

/**
 * The largest scale from `smallest` to 1 at which a request fits; `smallest` if none does.
 * @param fitsAt must not become true again above a scale at which it is false.
 */
export function largestFittingScale(smallest: number, fitsAt: (scale: number) => boolean): number {
  if (fitsAt(1)) return 1;
  let fitting = smallest;
  let tooLarge = 1;
  for (let i = 0; i < BISECTIONS && fitting < tooLarge; i += 1) {
    const middle = (fitting + tooLarge) / 2;
    if (fitsAt(middle)) fitting = middle;
    else tooLarge = middle;
  }
  return fitting;
}

function remaining({ amount, used, held }: Pick<LimitView, 'amount' | 'used' | 'held'>): bigint {
  return amount === null ? 0n : amount - used - held;
}
