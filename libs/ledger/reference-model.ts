/**
 * What the ledger promises, said as plainly as possible: no counters, no batches, no locks. What is used and held of a
 * limit is added up anew from all calls and holds each time it is asked. Tests compare the ledger with it.
 */
import type { HoldRequest, LimitSegment, Meters, Stop, Verdict, Window } from './types.ts';

export type ModelHold = {
  request: HoldRequest;
  verdict: Verdict;
  state: 'open' | 'closed' | 'expired' | 'refused';
  createdAt: Date;
  expiresAtMs: number;
  remaining: Record<string, bigint>;
  settled: Map<number, Meters>;
};
export type ModelLimits = { anchor: Date; periodMonths: number; segments: readonly LimitSegment[] };
type Settle = { holdId: string; accountId: string; callIndex: number | null; meters: Meters; close: boolean };

const DAY_MS = 86_400_000;

/** The n-th month after a moment; where that month is too short for the day, its last day. */
export function addMonths(moment: Date, months: number): Date {
  const result = new Date(moment);
  result.setUTCDate(1);
  result.setUTCMonth(result.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(result.getUTCFullYear(), result.getUTCMonth() + 1, 0)).getUTCDate();
  result.setUTCDate(Math.min(moment.getUTCDate(), lastDay));
  return result;
}

/** Start and end, in Unix milliseconds, of the window that a moment lies in. */
export function windowAt(
  window: Window,
  moment: Date,
  { anchor, periodMonths }: ModelLimits,
): [number, number] {
  const midnight = Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth(), moment.getUTCDate());
  if (window === 'total') return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (window === 'day') return [midnight, midnight + DAY_MS];
  if (window === 'week') {
    const monday = midnight - ((moment.getUTCDay() + 6) % 7) * DAY_MS;
    return [monday, monday + 7 * DAY_MS];
  }
  if (window === 'month') {
    return [
      Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth()),
      Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth() + 1),
    ];
  }
  let n = -1200;
  while (addMonths(anchor, (n + 1) * periodMonths) <= moment) n += 1;
  return [addMonths(anchor, n * periodMonths).getTime(), addMonths(anchor, (n + 1) * periodMonths).getTime()];
}

const idIn = (scope: LimitSegment['scope'], request: HoldRequest) =>
  ({ account: '', user: request.userId, key: request.keyId, workspace: request.workspaceId })[scope];

export function createReferenceModel() {
  const holds = new Map<string, ModelHold>();
  const accounts = new Map<string, ModelLimits>();
  const stops = new Map<string, Stop>();

  function limitsFor(request: HoldRequest, now: Date): LimitSegment[] {
    const inForce = (accounts.get(request.accountId)?.segments ?? []).filter(
      ({ validFrom, validUntil }) => !(validFrom && validFrom > now) && !(validUntil && validUntil <= now),
    );
    return inForce.filter((limit) => {
      const id = idIn(limit.scope, request);
      if (id === null || limit.scopeId === id) return id !== null;
      return (
        limit.scopeId === '*' &&
        !inForce.some(
          (own) =>
            own.scopeId === id &&
            own.scope === limit.scope &&
            own.meter === limit.meter &&
            own.window === limit.window,
        )
      );
    });
  }

  /** What calls and open holds of the limit's window and scope add up to. */
  function totals(limit: LimitSegment, request: HoldRequest, now: Date): { used: bigint; held: bigint } {
    const [start, end] = windowAt(limit.window, now, accounts.get(request.accountId) as ModelLimits);
    let used = 0n;
    let held = 0n;
    for (const hold of holds.values()) {
      const at = hold.createdAt.getTime();
      if (hold.request.accountId !== request.accountId || at < start || at >= end) continue;
      if (idIn(limit.scope, hold.request) !== idIn(limit.scope, request)) continue;
      for (const meters of hold.settled.values()) used += meters[limit.meter] ?? 0n;
      if (hold.state === 'open') held += hold.remaining[limit.meter] ?? 0n;
    }
    return { used, held };
  }

  /** `canShrink`: whether a smaller request could be admitted. */
  function judge(request: HoldRequest, now: Date): { verdict: Verdict; canShrink: boolean } {
    const isStopped = [...stops.values()].some(
      ({ kind, target }) =>
        kind === 'global' ||
        target === { account: request.accountId, key: request.keyId, provider: '', model: '' }[kind] ||
        request.targets.includes(target),
    );
    if (isStopped) return { verdict: 'stopped', canShrink: false };
    if (!accounts.has(request.accountId)) return { verdict: 'unknown_account', canShrink: false };
    let worst = 0;
    let canShrink = true;
    for (const limit of limitsFor(request, now)) {
      const asked = request.meters[limit.meter] ?? 0n;
      if (asked === 0n || limit.amount.kind === 'unlimited') continue;
      if (limit.amount.kind === 'disabled') {
        worst = 4;
        canShrink = false;
      }
      if (limit.amount.kind !== 'n' || limit.onLimit === 'overage') continue;
      const { used, held } = totals(limit, request, now);
      const { n } = limit.amount;
      const isBlocked = limit.blocks && used * 10_000n >= n * BigInt(limit.thresholdBps[2]);
      if (isBlocked || used + held >= n) canShrink = false;
      if (used >= n) worst = Math.max(worst, 3);
      else if (isBlocked) worst = Math.max(worst, 2);
      else if (used + asked > n) worst = Math.max(worst, 3);
      else if (used + held + asked > n) worst = Math.max(worst, 1);
    }
    const verdicts = ['ok', 'limit_held', 'limit_blocked', 'limit_exceeded', 'meter_disabled'] as const;
    return { verdict: verdicts[worst] as Verdict, canShrink };
  }

  return {
    holds,
    accounts,
    stops,
    totals,
    limitsFor,
    hold(request: HoldRequest, now: Date): { verdict: Verdict; replayed: boolean } {
      const known = holds.get(request.id);
      if (known !== undefined && known.request.accountId === request.accountId)
        return { verdict: known.verdict, replayed: true };
      const { verdict, canShrink } = judge(request, now);
      const isOk = verdict === 'ok';
      if (isOk || ((request.keepRefusal || !canShrink) && verdict !== 'unknown_account')) {
        const remaining = isOk ? { ...request.meters } : {};
        const state = isOk ? 'open' : 'refused';
        const expiresAtMs = now.getTime() + request.ttlMs;
        holds.set(request.id, {
          ...{ request, verdict, state, createdAt: now, expiresAtMs, remaining },
          settled: new Map(),
        });
      }
      return { verdict, replayed: false };
    },
    settle({ holdId, accountId, callIndex, meters, close }: Settle) {
      const hold = holds.get(holdId);
      if (hold === undefined || hold.request.accountId !== accountId || hold.state === 'refused')
        return { outcome: 'unknown_hold', late: false, overrun: false };
      const isOpen = hold.state === 'open';
      if (callIndex === null ? !isOpen : hold.settled.has(callIndex))
        return { outcome: 'repeated', late: false, overrun: false };
      let overrun = false;
      if (callIndex !== null) {
        hold.settled.set(callIndex, meters);
        for (const [meter, amount] of Object.entries(meters)) {
          const rest = hold.remaining[meter] ?? 0n;
          if (isOpen && amount > rest) overrun = true;
          if (isOpen && rest > 0n) hold.remaining[meter] = rest - (amount < rest ? amount : rest);
        }
      }
      if (close && isOpen) hold.state = 'closed';
      return {
        outcome: callIndex === null ? 'closed' : 'settled',
        late: callIndex !== null && !isOpen,
        overrun,
      };
    },
    extend(id: string, ttlMs: number, now: Date): Date | null {
      const hold = holds.get(id);
      if (hold?.state !== 'open') return null;
      hold.expiresAtMs = now.getTime() + ttlMs;
      return new Date(hold.expiresAtMs);
    },
    expire(now: Date): string[] {
      const due = [...holds.values()].filter(
        ({ state, expiresAtMs }) => state === 'open' && expiresAtMs <= now.getTime(),
      );
      for (const hold of due) hold.state = 'expired';
      return due.map(({ request }) => request.id).sort();
    },
  };
}
