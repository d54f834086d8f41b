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
 * A time range in which one amount is in force, as the ledger stores it. Segments of one (scope, meter, window) never
 * overlap; between them the key has no limit.
 */
export interface LimitSegment {
  readonly scope: Scope;
  /** Empty for the account, `*` for each user or workspace. */
  readonly scopeId: string;
  readonly meter: string;
  readonly window: Window;
  /** Inclusive; null for no start. */
  readonly validFrom: Date | null;
  /** Exclusive; null for no end. */
  readonly validUntil: Date | null;
  readonly amount: Amount;
  /** Warning, notice, block and hard thresholds in basis points of the amount. */
  readonly thresholdBps: readonly [number, number, number, number];
  /** Whether the block threshold stops new work; otherwise it is only an alert. */
  readonly blocks: boolean;
  readonly onLimit: OnLimit;
  readonly overagePriceNanoUsd: bigint | null;
  readonly source: string;
}

/**
 * The limits of an account from an instant on. The ledger picks the segment that contains the current time: a segment ends
 * where a trial, an override or a subscription ends. A change of plan, overrides, flags or catalogue needs a new timeline.
 */
export function limitTimeline(input: EntitlementInput, from: Date): LimitSegment[] {
  const starts = [from, ...boundariesOf(input).filter((boundary) => boundary > from)];
  const segments: LimitSegment[] = [];
  const open = new Map<string, { segment: LimitSegment; content: string }>();
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
      const content = contentOf(segment);
      if (open.get(key)?.content === content) continue;
      finish(key, start);
      open.set(key, { segment, content });
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

/** Everything but the times, as text. Adjacent segments with equal content are one segment. */
function contentOf(segment: LimitSegment): string {
  return exactText({ ...segment, validFrom: null, validUntil: null });
}
