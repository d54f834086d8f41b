/**
 * Limits and amounts of meters on the wire: integers in the meter's unit, as text, because nano-USD exceed the integers
 * that JSON parsers keep exact. Money is also given in decimal USD.
 */
import { z } from 'zod';
import {
  type Amount,
  COUNTER_SCOPES,
  type CounterAmountKind,
  type CounterScope,
  LIMIT_STATES,
  type LimitState,
  ON_LIMIT,
  SCOPES,
  WINDOWS,
  type Window,
} from '#libs/catalogue/limit.ts';
import { bpsOf, formatUsd } from '#libs/money/money.ts';
import { instant, usd } from './envelope.ts';
import { limitText, meterLabel } from './labels.ts';
import { METER_UNITS, meterUnit } from './meter-unit.ts';

export { METER_UNITS, meterUnit };

const unit = z.enum(METER_UNITS).describe('Unit of the integers.');
const amount = z.string().regex(/^-?\d+$/);
const usdField = usd.optional().describe('The same in USD; only for `cost`.');

/** An amount of one meter. */
export const meterAmountWire = z.object({ meter: z.string(), unit, amount, amount_usd: usdField });
export type MeterAmountWire = z.infer<typeof meterAmountWire>;

export function toMeterAmount(meter: string, value: bigint): MeterAmountWire {
  const wire = { meter, unit: meterUnit(meter), amount: value.toString() };
  return meter === 'cost' ? { ...wire, amount_usd: formatUsd(value) } : wire;
}

/** How much a limit allows. */
export const limitAmountWire = z
  .discriminatedUnion('kind', [
    z
      .object({ kind: z.literal('limited'), value: amount, value_usd: usdField })
      .describe('A number in the unit of the meter.'),
    z.object({ kind: z.literal('unlimited') }).describe('Part of the plan, without a number.'),
    z.object({ kind: z.literal('disabled') }).describe('Not part of the plan.'),
    z.object({ kind: z.literal('unmetered') }).describe('Counted, and not limited by the plan.'),
  ])
  .meta({ id: 'LimitAmount' });
export type LimitAmountWire = z.infer<typeof limitAmountWire>;

const identity = {
  meter: z.string().describe('The limited meter, such as `cost`, `tokens.total` or `gen.blog`.'),
  label: z.string().describe('Name of the meter for users.'),
  unit,
  window: z.enum(WINDOWS).describe('How often it resets; `period` is the billing period.'),
};
const text = z.string().describe('The limit in words for users, such as `50 images per billing period`.');

/** A limit of a plan. */
export const planLimitWire = z
  .object({
    ...identity,
    scope: z.enum(SCOPES).describe('Who shares the limit.'),
    amount: limitAmountWire,
    text,
    on_limit: z.enum(ON_LIMIT),
    overage_price_usd: usd
      .nullable()
      .describe('Price of one unit above the amount; null where overage is not sold.'),
  })
  .meta({ id: 'PlanLimit' });
export type PlanLimitWire = z.infer<typeof planLimitWire>;

/** One limit in one window. */
export const limitWire = z
  .object({
    ...identity,
    scope: z.enum(COUNTER_SCOPES).describe('Who shares the limit.'),
    scope_id: z.string().nullable().describe('The user, key or workspace; null for the account.'),
    amount: limitAmountWire,
    text,
    used: amount,
    held: amount.describe('Held for requests that are still running.'),
    remaining: amount.nullable().describe('The most that a new request may ask for; null without a number.'),
    used_usd: usdField,
    held_usd: usdField,
    remaining_usd: usdField.nullable(),
    percentage: z.number().min(0).nullable().describe('Used share in percent, two decimals, rounded down.'),
    state: z.enum(LIMIT_STATES),
    window_start: instant.nullable().describe('Null for a window without a start.'),
    resets_at: instant.nullable().describe('Null if the limit never resets.'),
    source: z.string().describe('Origin of the limit, such as `plan:pro`.'),
  })
  .meta({ id: 'Limit' });
export type LimitWire = z.infer<typeof limitWire>;

/** The limit that refused a request, with what the request asked for. */
export const refusedLimitWire = limitWire
  .pick({
    meter: true,
    label: true,
    unit: true,
    window: true,
    scope: true,
    scope_id: true,
    amount: true,
    text: true,
    used: true,
    held: true,
    used_usd: true,
    held_usd: true,
    resets_at: true,
    source: true,
  })
  .extend({ asked: amount.describe('What the request needs at most.'), asked_usd: usdField })
  .meta({ id: 'RefusedLimit' });
export type RefusedLimitWire = z.infer<typeof refusedLimitWire>;

/** A limit that has reached a threshold, at that time. */
export const reachedLimitWire = limitWire
  .omit({ held: true, held_usd: true, remaining: true, remaining_usd: true })
  .meta({ id: 'ReachedLimit' });
export type ReachedLimitWire = z.infer<typeof reachedLimitWire>;

/** A limit of one key or end user, in addition to those of its account. */
export const keyLimitWire = limitWire
  .pick({ meter: true, label: true, unit: true, window: true, amount: true, text: true })
  .meta({ id: 'KeyLimit' });
export type KeyLimitWire = z.infer<typeof keyLimitWire>;

/** A limit in one window, in the meter's own unit. */
export type LimitReading = {
  meter: string;
  window: Window;
  scope: CounterScope;
  /** Empty for the account. */
  scopeId: string;
  kind: CounterAmountKind;
  amount: bigint | null;
  used: bigint;
  held: bigint;
  state: LimitState;
  windowStart: Date | null;
  resetsAt: Date | null;
  source: string;
};

export function amountToWire(meter: string, limit: Amount | { kind: 'unmetered' }): LimitAmountWire {
  if (limit.kind !== 'n') return { kind: limit.kind };
  const wire = { kind: 'limited', value: limit.n.toString() } as const;
  return meter === 'cost' ? { ...wire, value_usd: formatUsd(limit.n) } : wire;
}

type CounterAmount = Pick<LimitReading, 'kind' | 'amount'>;

const amountOfCounter = ({ kind, amount: n }: CounterAmount): Amount | { kind: 'unmetered' } => {
  if (kind === 'n') return n === null ? { kind: 'unlimited' } : { kind, n };
  return { kind };
};

/** What every limit says of itself. */
function identityOf(meter: string, window: Window, limit: Amount | { kind: 'unmetered' }) {
  const unit = meterUnit(meter);
  return {
    meter,
    label: meterLabel(meter),
    unit,
    window,
    amount: amountToWire(meter, limit),
    text: limitText(meter, unit, window, limit.kind === 'unmetered' ? { kind: 'unlimited' } : limit),
  };
}

type PlanLimit = {
  readonly meter: string;
  readonly window: Window;
  readonly scope: PlanLimitWire['scope'];
  readonly amount: Amount;
  readonly onLimit: PlanLimitWire['on_limit'];
  readonly overagePriceNanoUsd: bigint | null;
};

export function planLimitToWire(limit: PlanLimit): PlanLimitWire {
  const { overagePriceNanoUsd: overage } = limit;
  return {
    ...identityOf(limit.meter, limit.window, limit.amount),
    scope: limit.scope,
    on_limit: limit.onLimit,
    overage_price_usd: overage === null ? null : formatUsd(overage),
  };
}

export function limitToWire(reading: LimitReading): LimitWire {
  const { meter, used, held } = reading;
  const limit = reading.kind === 'n' ? reading.amount : null;
  const remaining = limit === null ? null : larger(limit - used - held, 0n);
  return {
    ...identityOf(meter, reading.window, amountOfCounter(reading)),
    scope: reading.scope,
    scope_id: reading.scopeId === '' ? null : reading.scopeId,
    used: used.toString(),
    held: held.toString(),
    remaining: remaining?.toString() ?? null,
    ...(meter === 'cost' && {
      used_usd: formatUsd(used),
      held_usd: formatUsd(held),
      remaining_usd: remaining === null ? null : formatUsd(remaining),
    }),
    percentage: percentageOf(used, limit),
    state: reading.state,
    window_start: reading.windowStart?.toISOString() ?? null,
    resets_at: reading.resetsAt?.toISOString() ?? null,
    source: reading.source,
  };
}

export function reachedLimitToWire(reading: Omit<LimitReading, 'held'>): ReachedLimitWire {
  const {
    held: _held,
    held_usd: _heldUsd,
    remaining: _remaining,
    remaining_usd: _remainingUsd,
    ...limit
  } = limitToWire({ ...reading, held: 0n });
  return limit;
}

/** @param amount in the meter's own unit. */
export function keyLimitToWire({
  meter,
  window,
  amount,
}: {
  meter: string;
  window: Window;
  amount: bigint;
}): KeyLimitWire {
  return identityOf(meter, window, { kind: 'n', n: amount });
}

type RefusedReading = Omit<LimitReading, 'state' | 'windowStart'> & { asked: bigint };

export function refusedLimitToWire(limit: RefusedReading): RefusedLimitWire {
  const { meter, used, held, asked } = limit;
  return {
    ...identityOf(meter, limit.window, amountOfCounter(limit)),
    scope: limit.scope,
    scope_id: limit.scopeId === '' ? null : limit.scopeId,
    used: used.toString(),
    held: held.toString(),
    asked: asked.toString(),
    ...(meter === 'cost' && {
      used_usd: formatUsd(used),
      held_usd: formatUsd(held),
      asked_usd: formatUsd(asked),
    }),
    resets_at: limit.resetsAt?.toISOString() ?? null,
    source: limit.source,
  };
}

const exampleReading = {
  meter: 'cost',
  window: 'day',
  scope: 'account',
  scopeId: '',
  kind: 'n',
  amount: 5_000_000_000n,
  used: 4_990_000_000n,
  held: 0n,
  asked: 18_250_000n,
  resetsAt: new Date('2026-11-21T00:00:00.000Z'),
  source: 'plan:basic',
} as const;

export const exampleLimit = limitToWire({
  ...exampleReading,
  state: 'blocked',
  windowStart: new Date('2026-11-20T00:00:00.000Z'),
});
export const exampleReachedLimit = reachedLimitToWire({
  ...exampleReading,
  meter: 'calls.gemini',
  window: 'period',
  amount: 1_000n,
  used: 800n,
  state: 'warning',
  windowStart: new Date('2026-11-01T00:00:00.000Z'),
  resetsAt: new Date('2026-12-01T00:00:00.000Z'),
});
export const exampleRefusedLimit = refusedLimitToWire(exampleReading);
export const exampleDisabledLimit = refusedLimitToWire({
  ...exampleReading,
  meter: 'images',
  kind: 'disabled',
  amount: null,
  used: 0n,
  asked: 1n,
});
export const exampleParallelLimit = refusedLimitToWire({
  ...exampleReading,
  meter: 'requests.parallel',
  window: 'total',
  amount: 20n,
  used: 0n,
  held: 20n,
  asked: 1n,
  resetsAt: null,
});

/** Percent with two decimals, rounded down, so 100 means that the limit is reached. Null without a limit. */
export function percentageOf(part: bigint, whole: bigint | null): number | null {
  if (whole === null) return null;
  return whole > 0n ? Number(bpsOf(part, whole)) / 100 : 100;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
