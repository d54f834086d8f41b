/**
 * The ledger's vocabulary.
 *
 * - **meter**: a named quantity that can be limited (`cost`, `tokens.total`, `calls.openai`, `gen.blog`).
 * - **limit**: an amount of one meter in one window for one scope. **counter**: its `used` and `held`.
 * - **hold**: the worst case of a request, set aside before anything is spent.
 * - **settle**: one provider call's facts, moved from held to used. **close**: what is left is released.
 */

import type { COUNTER_AMOUNT_KINDS, CounterScope, LimitState, Window } from '#libs/catalogue/limit.ts';

export type { LimitState, Window };
export type Scope = CounterScope;

/** Amounts by meter, each in the meter's own unit: nano-USD for `cost`, otherwise pieces. */
export type Meters = Readonly<Record<string, bigint>>;

export type Verdict =
  | 'ok'
  | 'limit_held'
  | 'limit_blocked'
  | 'limit_exceeded'
  | 'meter_disabled'
  | 'stopped'
  | 'unknown_account';

/** One limit in its current window, as the ledger saw it when it answered. */
export type LimitView = {
  meter: string;
  window: Window;
  scope: Scope;
  scopeId: string;
  kind: (typeof COUNTER_AMOUNT_KINDS)[number];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  /** What the request asked for (holds only). */
  asked: bigint;
  resetsAt: Date | null;
  source: string;
};

export type HoldRequest = {
  /** The caller's id; holding twice under one id returns the first answer. */
  id: string;
  accountId: string;
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  /** After this long an open hold is released by the sweeper. */
  ttlMs: number;
  /** The worst case, by meter. */
  meters: Meters;
  /** Providers (`openai`) and models (`openai/gpt-4o`) the request may call: what a stop can name. */
  targets: readonly string[];
  /** JSON text that explains the request later: its plan of calls, caps, prices. */
  detail: string;
  /**
   * False for an attempt that is repeated with a smaller estimate if it is refused for its size (`limit_held`,
   * `limit_exceeded`) while its limit has headroom: that refusal leaves no trace. Every other refusal is recorded.
   */
  keepRefusal: boolean;
};

export type HoldAnswer = {
  verdict: Verdict;
  /** Whether this id had been decided before. */
  replayed: boolean;
  expiresAt: Date;
  /** Milliseconds until it expires, by the clock that decided. */
  msLeft: number;
  /** `kind:target` of the emergency stop that refused it. */
  stop: string | null;
  /** The limit that decided, or the tightest of those that admitted; null where none applies. */
  limit: LimitView | null;
};

/** Where the figures of a call come from. `bound`: its outcome is unknown, so it counts at what was held for it. */
export type UsageSource = 'provider' | 'counted' | 'estimated' | 'bound';

/** The facts of one provider call. Token classes are disjoint; undefined is unknown, never nothing. */
export type CallFacts = {
  step: string;
  provider: string;
  model: string;
  endpoint: string;
  status: 'ok' | 'aborted' | 'error';
  errorCode: string | null;
  usageSource: UsageSource;
  inputTokens: number | undefined;
  cacheReadTokens: number | undefined;
  cacheWriteTokens: number | undefined;
  outputTokens: number | undefined;
  reasoningTokens: number | undefined;
  /** Units that are not tokens, by unit class. */
  otherUnits: Readonly<Record<string, number>>;
  inputCostNanoUsd: bigint;
  outputCostNanoUsd: bigint;
  priceVersion: string;
  latencyMs: number;
  firstByteMs: number | null;
  attempts: number;
  requestBytes: number;
  responseBytes: number;
  providerRequestId: string | null;
};

export type SettleRequest = {
  holdId: string;
  accountId: string;
  /** The call's index in the plan: settling it twice is settling it once. */
  callIndex: number;
  meters: Meters;
  facts: CallFacts;
  /** True with the last call of the hold: what is left is released in the same transaction. */
  close: boolean;
};

export type CloseRequest = { holdId: string; accountId: string };

export type SettleAnswer = {
  outcome: 'settled' | 'closed' | 'repeated' | 'unknown_hold';
  /** The hold had expired or was closed. The call is recorded nevertheless. */
  late: boolean;
  /** The call cost more than was held for it, and is recorded at what it cost. */
  overrun: boolean;
  /** Of the limit nearest to its end. */
  state: LimitState;
  limit: LimitView | null;
};

/** One stretch of time in which one amount is in force. Stretches of one (scope, meter, window) never overlap. */
export type LimitSegment = {
  scope: Scope;
  /** Empty for the account, an id, or `*` for each that has no limit of its own. */
  scopeId: string;
  meter: string;
  window: Window;
  validFrom: Date | null;
  validUntil: Date | null;
  amount: { kind: 'n'; n: bigint } | { kind: 'unlimited' } | { kind: 'disabled' };
  /** The warning, notice, block and exhaustion thresholds in basis points of the amount. */
  thresholdBps: readonly [number, number, number, number];
  /** Whether the block threshold stops new work (tokens and cost), or only alerts (quota resources). */
  blocks: boolean;
  onLimit: 'deny' | 'overage';
  /** Where the limit comes from, for explanations: `plan:pro`, `override:<id>`. */
  source: string;
};

export type StopKind = 'global' | 'provider' | 'model' | 'account' | 'key';

export type Stop = {
  id: string;
  kind: StopKind;
  target: string;
  reason: string;
  author: string;
  createdAt: Date;
  liftedAt: Date | null;
  liftedBy: string | null;
};

/** An open hold past its expiry, whose process is gone or slow. */
export type OverdueHold = {
  id: string;
  accountId: string;
  /** Indexes of the calls that have settled. */
  settledCalls: number[];
  /** The hold's detail: its plan of calls. */
  detail: string;
  /** What it still holds. */
  remaining: Meters;
};

export type ExpiredHold = {
  id: string;
  accountId: string;
  /** Indexes of the calls that had settled; the others were cut. */
  settledCalls: number[];
  released: Meters;
  expiresAt: Date;
};
