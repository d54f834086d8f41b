/** An account's limits as the ledger keeps them. */
import { type Amount, amountOf, blocksEarly, isMeter, type Window } from '#libs/catalogue/limit.ts';
import { limitTimeline } from '#libs/catalogue/limit-timeline.ts';
import type { LimitSegment } from '#libs/ledger/types.ts';
import { problem } from '#libs/problems/problems.ts';
import { type AccountState, type CatalogueVersion, entitlementInputOf } from './domain.ts';

/** A limit of one API key, in the meter's own unit. */
export type KeyLimit = { keyId: string; meter: string; window: Window; amount: bigint };

/** Every limit of the account from now on: those of the plan and its timed changes, and those of its keys. */
export function ledgerLimitsOf(
  state: AccountState,
  keyLimits: readonly KeyLimit[],
  now: Date,
): LimitSegment[] {
  const ofAccount = limitTimeline(entitlementInputOf(state), now);
  return [...ofAccount.map(inBounds), ...keyLimits.map((limit) => keySegment(limit, state.sold))];
}

/** The largest count the books can hold. */
const LARGEST = 2n ** 63n - 1n;

/** Boosts can make a large limit larger than that. */
function inBounds<Segment extends { amount: Amount }>(segment: Segment): Segment {
  const { amount } = segment;
  if (amount.kind !== 'n' || amount.n <= LARGEST) return segment;
  return { ...segment, amount: amountOf(LARGEST) };
}

function keySegment(
  { keyId, meter, window, amount }: KeyLimit,
  { catalogue }: CatalogueVersion,
): LimitSegment {
  const { warnBps, noticeBps, blockBps, hardBps } = catalogue.thresholds;
  return {
    scope: 'key',
    scopeId: keyId,
    meter,
    window,
    validFrom: null,
    validUntil: null,
    amount: { kind: 'n', n: amount },
    thresholdBps: [warnBps, noticeBps, blockBps, hardBps],
    blocks: blocksEarly(meter),
    onLimit: 'deny',
    source: `key:${keyId}`,
  };
}

/**
 * @throws ProblemError `semantic_error` for a meter that nothing counts, whose limit would never hold, and for two limits
 * of one meter in one window.
 */
export function checkKeyLimits(limits: readonly Omit<KeyLimit, 'keyId'>[]): void {
  const seen = new Set<string>();
  for (const { meter, window } of limits) {
    if (!isMeter(meter)) {
      throw problem('semantic_error', { detail: `${meter} is not a meter.`, fields: { meter } });
    }
    if (seen.has(`${meter} ${window}`)) {
      throw problem('semantic_error', {
        detail: `${meter} is limited twice a ${window}.`,
        fields: { meter, window },
      });
    }
    seen.add(`${meter} ${window}`);
  }
}
