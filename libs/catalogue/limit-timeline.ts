import { effectiveLimits } from './effective-limits.ts';
import { boundariesOf, type EntitlementInput, planAt } from './entitlements.ts';
import { exactText } from './exact-text.ts';
import {
  type Amount,
  type EffectiveLimit,
  limitKey,
  type OnLimit,
  type Scope,
  type Window,
} from './limit.ts';

/** For the whole account. */
const ACCOUNT = '';
/** For each user, or each workspace, that has no limit of its own. */
const EACH = '*';

/**
 * One stretch of time in which one amount is in force, as the ledger keeps it. Stretches of one (scope, meter, window)
 * never overlap; between them the key is not limited.
 */
export interface LimitSegment {
  readonly scope: Scope;
  /** Empty for the account, `*` for each user or workspace. */
  readonly scopeId: string;
  readonly meter: string;
  readonly window: Window;
  /** Null where the timeline begins: since always. */
  readonly validFrom: Date | null;
  /** Exclusive; null for good. */
  readonly validUntil: Date | null;
  readonly amount: Amount;
  /** Warning, notice, block and hard lines in basis points of the amount. */
  readonly thresholdBps: readonly [number, number, number, number];
  /** Whether reaching the block line stops new work, or only alerts. */
  readonly blocks: boolean;
  readonly onLimit: OnLimit;
  readonly overagePriceNanoUsd: bigint | null;
  readonly source: string;
}

/**
 * The limits of an account from an instant on, so that the ledger only has to pick the segment that contains now: where
 * a trial, an override or a subscription ends, a segment ends. What time does not change (plan, overrides, flags,
 * catalogue) is as it is in `input`; a change of those needs a new timeline.
 */
export function limitTimeline(input: EntitlementInput, from: Date): LimitSegment[] {
  const starts = [from, ...boundariesOf(input).filter((boundary) => boundary > from)];
  const segments: LimitSegment[] = [];
  const open = new Map<string, { segment: LimitSegment; face: string }>();
  const finish = (key: string, until: Date | null) => {
    const running = open.get(key);
    if (running !== undefined) segments.push({ ...running.segment, validUntil: until });
    open.delete(key);
  };
  for (const [index, start] of starts.entries()) {
    const limits = new Map(
      effectiveLimits(input, planAt(input, start).plan, start).map((one) => [limitKey(one), one]),
    );
    for (const key of [...open.keys()]) if (!limits.has(key)) finish(key, start);
    for (const [key, limit] of limits) {
      const segment = segmentOf(limit, index === 0 ? null : start);
      const face = faceOf(segment);
      if (open.get(key)?.face === face) continue;
      finish(key, start);
      open.set(key, { segment, face });
    }
  }
  for (const key of [...open.keys()]) finish(key, null);
  return segments;
}

/** The segments that contain an instant. */
export function segmentsAt(timeline: readonly LimitSegment[], at: Date): LimitSegment[] {
  return timeline.filter(
    ({ validFrom, validUntil }) =>
      (validFrom === null || validFrom <= at) && (validUntil === null || at < validUntil),
  );
}

function segmentOf(limit: EffectiveLimit, validFrom: Date | null): LimitSegment {
  const { warnBps, noticeBps, blockBps, hardBps } = limit.thresholds;
  return {
    scope: limit.scope,
    scopeId: limit.scope === 'account' ? ACCOUNT : EACH,
    meter: limit.meter,
    window: limit.window,
    validFrom,
    validUntil: null,
    amount: limit.amount,
    thresholdBps: [warnBps, noticeBps, blockBps, hardBps],
    blocks: limit.blocks,
    onLimit: limit.onLimit,
    overagePriceNanoUsd: limit.overagePriceNanoUsd,
    source: limit.source,
  };
}

/** Everything but the time, as text: two segments with one face are one segment. */
function faceOf(segment: LimitSegment): string {
  return exactText({ ...segment, validFrom: null, validUntil: null });
}
