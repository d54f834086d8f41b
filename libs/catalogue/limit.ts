/**
 * The vocabulary of limits, defined once for the catalogue, the contracts, the ledger and the database. An amount is a
 * tagged union: no number means "unlimited".
 */
export const WINDOWS = ['day', 'week', 'month', 'period', 'total'] as const;
/** `period` is anchored to the subscription; `total` never resets. */
export type Window = (typeof WINDOWS)[number];

export const SCOPES = ['account', 'user', 'workspace'] as const;
/** Who shares one counter of a plan's limit: the whole account, each user, or each workspace. */
export type Scope = (typeof SCOPES)[number];

/** Scopes of counters: those of plans, and single API keys. */
export const COUNTER_SCOPES = ['account', 'user', 'key', 'workspace'] as const;
export type CounterScope = (typeof COUNTER_SCOPES)[number];

/** The state of a limit by its settled usage, from the least to the most used. */
export const LIMIT_STATES = ['ok', 'warning', 'notice', 'blocked', 'exhausted'] as const;
export type LimitState = (typeof LIMIT_STATES)[number];

export const AMOUNT_KINDS = ['n', 'unlimited', 'disabled'] as const;
/** Amount kinds of counters: an `unmetered` counter counts without a limit. */
export const COUNTER_AMOUNT_KINDS = [...AMOUNT_KINDS, 'unmetered'] as const;
export type CounterAmountKind = (typeof COUNTER_AMOUNT_KINDS)[number];

/** `n` is in the meter's own unit: nano-USD for `cost`, otherwise a count, tokens or seconds. */
export type Amount =
  | { readonly kind: 'n'; readonly n: bigint }
  | { readonly kind: 'unlimited' }
  | { readonly kind: 'disabled' };

export const UNLIMITED = { kind: 'unlimited' } as const satisfies Amount;
export const DISABLED = { kind: 'disabled' } as const satisfies Amount;

export function amountOf(n: bigint): Amount {
  return { kind: 'n', n };
}

/** Where a limit changes state, in basis points of its amount; strictly increasing. */
export interface Thresholds {
  readonly warnBps: number;
  readonly noticeBps: number;
  readonly blockBps: number;
  readonly hardBps: number;
}

export const ON_LIMIT = ['deny', 'overage'] as const;
export type OnLimit = (typeof ON_LIMIT)[number];

/** One limit in force for an account, and its source. */
export interface EffectiveLimit {
  readonly meter: string;
  readonly window: Window;
  readonly scope: Scope;
  readonly amount: Amount;
  readonly thresholds: Thresholds;
  /** Whether the block threshold stops new work; otherwise it is only an alert. */
  readonly blocks: boolean;
  readonly onLimit: OnLimit;
  /** Nano-USD per unit beyond the amount; null without overage. */
  readonly overagePriceNanoUsd: bigint | null;
  /** `plan:<key>`, `not_in_plan:<key>`, `seats`, `override:<id>` (several joined by `+`), `guard_rail…`. */
  readonly source: string;
}

/** The identity of a limit: limits with the same key share a counter. */
export function limitKey(limit: Pick<EffectiveLimit, 'meter' | 'window' | 'scope'>): string {
  return `${limit.scope} ${limit.meter} ${limit.window}`;
}

/** Requests that run now: each holds one and uses none, so that its counter is free again when the hold ends. */
export const PARALLEL_REQUESTS = 'requests.parallel';

const FIXED_METERS = new Set([
  'cost',
  'images',
  'audio.seconds',
  'api.requests',
  'chat.requests',
  'social.connections',
  'social.drafts',
  'social.posts',
  'social.autopilot_posts',
  'brand_voices',
  'prompts',
  'kb.files',
  'kb.bytes',
  PARALLEL_REQUESTS,
  'team.members',
  'workspaces',
]);
const METER_FAMILY = /^(tokens|calls|gen)\.[a-z][a-z0-9_-]*$/;
/** Quota resources: meters that count what exists now. Deleting one releases it, so no window resets them. */
const GAUGES = new Set([
  'social.connections',
  'social.drafts',
  'brand_voices',
  'prompts',
  'kb.files',
  'kb.bytes',
  PARALLEL_REQUESTS,
  'team.members',
  'workspaces',
]);

export function isMeter(name: string): boolean {
  return FIXED_METERS.has(name) || METER_FAMILY.test(name);
}

export function isGauge(meter: string): boolean {
  return GAUGES.has(meter);
}

/**
 * Whether reaching the block threshold stops new work. It does for tokens and cost, which leaves room for admitted work.
 * Counted meters stay usable to their last unit.
 */
export function blocksEarly(meter: string): boolean {
  return meter === 'cost' || meter.startsWith('tokens.');
}

/** Negative when `left` allows less than `right`, positive when more, 0 when the same. */
export function compareAmounts(left: Amount, right: Amount): number {
  if (left.kind === 'n' && right.kind === 'n') return left.n < right.n ? -1 : Number(left.n > right.n);
  return GENEROSITY[left.kind] - GENEROSITY[right.kind];
}

const GENEROSITY = { disabled: 0, n: 1, unlimited: 2 } as const;
