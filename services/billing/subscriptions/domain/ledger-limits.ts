/** An account's limits in the form of the ledger. */
import { type Amount, amountOf, blocksEarly, isMeter, type Window } from '#libs/catalogue/limit.ts';
import { limitTimeline } from '#libs/catalogue/limit-timeline.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { LimitSegment } from '#libs/ledger/types.ts';
import type { UserLimit } from '#libs/ledger/user-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { type AccountState, type CatalogueVersion, entitlementInputOf } from './subscription.ts';

/** A limit of one API key, in the meter's own unit. */
export type KeyLimit = { keyId: string; meter: string; window: Window; amount: bigint };

/** All limits of the account from now on: those of the plan with its timed changes, and those of its keys. */
export function ledgerLimitsOf(
  state: AccountState,
  keyLimits: readonly KeyLimit[],
  now: Date,
): LimitSegment[] {
  const ofAccount = limitTimeline(entitlementInputOf(state), now);
  return [...ofAccount.map(inBounds), ...keyLimits.map((limit) => keySegment(limit, state.sold))];
}

/** The largest amount that the ledger can store. */
const MAX_AMOUNT = 2n ** 63n - 1n;

/** Boosts can raise a large limit above the maximum. */
function inBounds<Segment extends { amount: Amount }>(segment: Segment): Segment {
  const { amount } = segment;
  if (amount.kind !== 'n' || amount.n <= MAX_AMOUNT) return segment;
  return { ...segment, amount: amountOf(MAX_AMOUNT) };
}

function keySegment(
  { keyId, meter, window, amount }: KeyLimit,
  { catalogue }: CatalogueVersion,
): LimitSegment {
  return {
    scope: 'key',
    scopeId: keyId,
    validFrom: null,
    validUntil: null,
    ...ownLimit({ meter, window, amount }, catalogue),
    source: `key:${keyId}`,
  };
}

/** A limit that an account sets itself, with the thresholds of its catalogue. */
function ownLimit(
  { meter, window, amount }: Omit<KeyLimit, 'keyId'>,
  { thresholds: { warnBps, noticeBps, blockBps, hardBps } }: Catalogue,
): UserLimit {
  return {
    meter,
    window,
    amount: { kind: 'n', n: amount },
    thresholdBps: [warnBps, noticeBps, blockBps, hardBps],
    blocks: blocksEarly(meter),
    onLimit: 'deny',
  };
}

/** The limits of an end user in the form of the ledger. */
export function userLimitsOf(
  limits: readonly Omit<KeyLimit, 'keyId'>[],
  { sold }: Pick<AccountState, 'sold'>,
): UserLimit[] {
  return limits.map((limit) => ownLimit(limit, sold.catalogue));
}

/** @throws ProblemError `semantic_error` for an unknown meter, and for two limits of one meter in one window. */
export function checkKeyLimits(limits: readonly Omit<KeyLimit, 'keyId'>[]): void {
  const seen = new Set<string>();
  for (const { meter, window } of limits) {
    if (!isMeter(meter)) {
      throw problem('semantic_error', { detail: `Unknown meter: ${meter}.`, fields: { meter } });
    }
    if (seen.has(`${meter} ${window}`)) {
      throw problem('semantic_error', {
        detail: `There are two limits of ${meter} per ${window}. Set one.`,
        fields: { meter, window },
      });
    }
    seen.add(`${meter} ${window}`);
  }
}
