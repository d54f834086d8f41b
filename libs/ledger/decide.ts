/**
 * The ledger's decisions, without a database: balances in, changed balances and facts to write out. Calls are decided one
 * after another in the given order. Instants are microseconds (instant.ts).
 */
import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import { stateAbove } from '#libs/catalogue/thresholds.ts';
import { toDate } from './instant.ts';
import type {
  HoldRequest,
  LimitState,
  LimitView,
  Meters,
  Scope,
  SettleAnswer,
  Verdict,
  Window,
} from './types.ts';

/** One limit in one window. It does not change until its balance is refreshed. */
export type Counter = {
  id: bigint;
  meter: string;
  window: Window;
  scope: Scope;
  scopeId: string;
  kind: LimitView['kind'];
  amount: bigint | null;
  onLimit: string;
  /** The used amount from which on no new work is admitted, if the limit has one below its amount. */
  blockAt: bigint | null;
  /** Rising amounts at which events are due, with their basis points. */
  thresholds: readonly { at: bigint; bps: number }[];
  windowEnd: number;
  source: string;
};

/** The counters of one scope; elements at one position belong together. Decisions change `used` and `held` in place. */
export type Balance = {
  counters: readonly Counter[];
  used: bigint[];
  held: bigint[];
  /** Calls admitted from here on count here, and in no earlier windows. */
  since: number;
};

/** One counter of a balance. */
export type CounterRef = { balance: Balance; index: number };

export type HoldDecision = {
  verdict: Exclude<Verdict, 'stopped' | 'unknown_account'>;
  createdAt: number;
  /** Whether the decision is stored: false for a refusal that a smaller request may avoid. */
  isStored: boolean;
  /** The counters of the request's meters as they were before the decision. */
  seen: { counters: Counter[]; used: bigint[]; held: bigint[] };
  binding: Counter | null;
  limit: LimitView | null;
};

/** From best to worst; the worst verdict of all counters decides. */
const VERDICTS = ['ok', 'limit_held', 'limit_blocked', 'limit_exceeded', 'meter_disabled'] as const;
const [OK, HELD, BLOCKED, EXCEEDED, DISABLED] = [0, 1, 2, 3, 4];

/** Decides one request, and adds what it asks to the held amounts of its balances if it is admitted. */
export function decideHold(
  request: Pick<HoldRequest, 'meters' | 'keepRefusal'>,
  balances: readonly Balance[],
  now: number,
): HoldDecision {
  const seen: HoldDecision['seen'] = { counters: [], used: [], held: [] };
  let createdAt = now;
  let worst = OK;
  let tightest: Share | null = null;
  let binding = -1;
  let isStored = request.keepRefusal;
  for (const balance of balances) {
    // A clock that is behind must not date a hold before the windows it counts in.
    if (balance.since > createdAt) createdAt = balance.since;
    for (let index = 0; index < balance.counters.length; index += 1) {
      const counter = balance.counters[index] as Counter;
      const asked = request.meters[counter.meter];
      if (asked === undefined) continue;
      const used = balance.used[index] as bigint;
      const held = balance.held[index] as bigint;
      if (asked > 0n) {
        const rank = rankOf(counter, used, held, asked);
        if (rank !== OK && !canShrink(counter, rank, used + held)) isStored = true;
        const share = shareOf(counter, used + held + asked);
        if (rank > worst || (rank === worst && isLarger(share, tightest))) {
          worst = rank;
          tightest = share;
          binding = seen.counters.length;
        }
      }
      seen.counters.push(counter);
      seen.used.push(used);
      seen.held.push(held);
    }
  }
  if (worst === OK) for (const balance of balances) addHeld(balance, request.meters);
  const counter = seen.counters[binding];
  return {
    verdict: VERDICTS[worst] as HoldDecision['verdict'],
    createdAt,
    isStored: isStored || worst === OK,
    seen,
    binding: counter ?? null,
    limit:
      counter === undefined
        ? null
        : limitView(
            counter,
            seen.used[binding] as bigint,
            seen.held[binding] as bigint,
            request.meters[counter.meter],
          ),
  };
}

/** The verdict of one counter, as its position in `VERDICTS`. */
function rankOf(
  { kind, amount, onLimit, blockAt }: Counter,
  used: bigint,
  held: bigint,
  asked: bigint,
): number {
  if (kind === 'disabled') return DISABLED;
  if (amount === null || onLimit !== 'deny') return OK;
  if (used >= amount) return EXCEEDED;
  if (blockAt !== null && used >= blockAt) return BLOCKED;
  if (used + asked > amount) return EXCEEDED;
  return used + held + asked > amount ? HELD : OK;
}

/** Whether a smaller request could be admitted where this one was refused. */
function canShrink({ amount }: Counter, rank: number, total: bigint): boolean {
  return rank !== BLOCKED && amount !== null && total < amount;
}

function addHeld({ counters, held }: Balance, meters: Meters): void {
  for (let index = 0; index < counters.length; index += 1) {
    const asked = meters[(counters[index] as Counter).meter];
    if (asked !== undefined) held[index] = (held[index] as bigint) + asked;
  }
}

/** A part of an amount, as an exact fraction. */
type Share = { part: bigint; whole: bigint };

/** Null where there is no amount to share. Requests that run use nothing up. A limit of nothing is at its end. */
function shareOf({ meter, amount }: Pick<Counter, 'meter' | 'amount'>, part: bigint): Share | null {
  if (amount === null || meter === PARALLEL_REQUESTS) return null;
  return amount === 0n ? { part: 1n, whole: 0n } : { part, whole: amount };
}

/** Whether a share is larger than another, or the only one. */
function isLarger(share: Share | null, other: Share | null): boolean {
  if (share === null || other === null) return share !== null;
  return share.part * other.whole > other.part * share.whole;
}

export function limitView(counter: Counter, used: bigint, held: bigint, asked = 0n): LimitView {
  const { meter, window, scope, scopeId, kind, amount, source } = counter;
  const resetsAt = toDate(counter.windowEnd);
  return { meter, window, scope, scopeId, kind, amount, used, held, asked, resetsAt, source };
}

/** A hold as a settle finds it. */
export type HoldState = {
  isOpen: boolean;
  meters: readonly string[];
  /** What is left of each meter; empty when the hold is not open. */
  remaining: readonly bigint[];
  settledCalls: readonly number[];
};

export type Booking = {
  /** Index of the call in the plan; null to close the hold only. */
  callIndex: number | null;
  meters: Meters;
  close: boolean;
};

/** A threshold that was reached. */
export type Crossing = { counter: Counter; bps: number; state: LimitState; used: bigint };

export type SettleDecision = SettleAnswer & {
  /** Whether the hold is open afterwards. */
  isOpen: boolean;
  /** What it has left of each of its meters, or had left when it was closed. */
  left: bigint[];
  /** The highest threshold that each counter has crossed. */
  crossings: Crossing[];
};

/** Decides one booking of a known hold, and moves its amounts in the counters that the hold counts in. */
export function decideSettle(
  { callIndex, meters, close }: Booking,
  hold: HoldState,
  refs: readonly CounterRef[],
): SettleDecision {
  if (callIndex === null ? !hold.isOpen : hold.settledCalls.includes(callIndex)) return repeated(hold, refs);

  const left = leftOf(hold);
  const crossings: Crossing[] = [];
  const nearest = createNearest();
  for (const { balance, index } of refs) {
    const counter = balance.counters[index] as Counter;
    const added = meters[counter.meter] ?? 0n;
    const rest = left.get(counter.meter);
    if (added === 0n && rest === undefined) continue;
    const before = balance.used[index] as bigint;
    const used = before + added;
    const held = (balance.held[index] as bigint) - released(rest ?? 0n, added, close);
    balance.used[index] = used;
    balance.held[index] = held;
    const crossing = crossingOf(counter, before, used);
    if (crossing !== undefined) crossings.push(crossing);
    nearest.offer(counter, used, held);
  }
  const isOverrun = Object.keys(meters).some((meter) => (meters[meter] as bigint) > (left.get(meter) ?? 0n));
  return {
    outcome: callIndex === null ? 'closed' : 'settled',
    late: callIndex !== null && !hold.isOpen,
    overrun: hold.isOpen && isOverrun,
    ...nearest.result(),
    isOpen: hold.isOpen && !close,
    left: hold.remaining.map(
      (rest, index) => rest - released(rest, meters[hold.meters[index] as string] ?? 0n, false),
    ),
    crossings,
  };
}

function leftOf({ isOpen, meters, remaining }: HoldState): Map<string, bigint> {
  const left = new Map<string, bigint>();
  if (isOpen) for (const [index, meter] of meters.entries()) left.set(meter, remaining[index] as bigint);
  return left;
}

/** What a booking takes from the held amount `rest`. */
function released(rest: bigint, added: bigint, close: boolean): bigint {
  if (close || added > rest) return rest;
  return added > 0n ? added : 0n;
}

function repeated(hold: HoldState, refs: readonly CounterRef[]): SettleDecision {
  const nearest = createNearest();
  for (const { balance, index } of refs) {
    const counter = balance.counters[index] as Counter;
    if (counter.kind === 'n' && hold.meters.includes(counter.meter))
      nearest.offer(counter, balance.used[index] as bigint, balance.held[index] as bigint);
  }
  return {
    outcome: 'repeated',
    late: false,
    overrun: false,
    ...nearest.result(),
    isOpen: hold.isOpen,
    left: [...hold.remaining],
    crossings: [],
  };
}

/** Finds the limit nearest to its end. */
function createNearest() {
  let nearest: Share | null = null;
  let found: { counter: Counter; used: bigint; held: bigint } | undefined;
  return {
    offer(counter: Counter, used: bigint, held: bigint) {
      const share = shareOf(counter, used + held);
      if (!isLarger(share, nearest)) return;
      nearest = share;
      found = { counter, used, held };
    },
    result(): { state: LimitState; limit: LimitView | null } {
      if (found === undefined) return { state: 'ok', limit: null };
      const { counter, used, held } = found;
      return { state: stateOf(counter, used), limit: limitView(counter, used, held) };
    },
  };
}

/** A limit without a number is never reached. */
export function stateOf(
  { kind, amount, thresholds }: Pick<Counter, 'kind' | 'amount' | 'thresholds'>,
  used: bigint,
): LimitState {
  return kind !== 'n' || amount === null ? 'ok' : stateAbove(used, amount, thresholds);
}

/** The highest threshold that lies above `before` and not above `after`. */
function crossingOf(counter: Counter, before: bigint, after: bigint): Crossing | undefined {
  if (after <= before) return undefined;
  const crossed = counter.thresholds.findLast(({ at }) => before < at && at <= after);
  return crossed && { counter, bps: crossed.bps, state: stateOf(counter, after), used: after };
}
