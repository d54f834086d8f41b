/** How limits and amounts of meters stand on the wire. */
import { z } from 'zod';
import { bpsOf, formatUsd } from '#libs/money/money.ts';
import { instant, nanoUsd, usd } from './envelope.ts';

export const LIMIT_STATES = ['ok', 'warning', 'notice', 'blocked', 'exhausted'] as const;
export type LimitState = (typeof LIMIT_STATES)[number];

export const COUNT_UNITS = ['tokens', 'seconds', 'count'] as const;
export type MeterUnit = (typeof COUNT_UNITS)[number] | 'usd';

/** The unit a meter is shown in. */
export function meterUnit(meter: string): MeterUnit {
  if (meter === 'cost') return 'usd';
  if (meter === 'audio.seconds') return 'seconds';
  return meter.startsWith('tokens.') ? 'tokens' : 'count';
}

const amount = z.int();

/** An amount of one meter: money as exact decimal text, everything else as a number. */
export const meterAmountWire = z.discriminatedUnion('unit', [
  z.object({ meter: z.literal('cost'), unit: z.literal('usd'), amount: usd, amount_nano_usd: nanoUsd }),
  z.object({ meter: z.string(), unit: z.enum(COUNT_UNITS), amount }),
]);
export type MeterAmountWire = z.infer<typeof meterAmountWire>;

export function toMeterAmount(meter: string, value: bigint): MeterAmountWire {
  const unit = meterUnit(meter);
  return unit === 'usd'
    ? { meter: 'cost', unit, amount: formatUsd(value), amount_nano_usd: value.toString() }
    : { meter, unit, amount: Number(value) };
}

const limitCommon = {
  window: z.enum(['day', 'week', 'month', 'period', 'total']).describe('How often it starts anew.'),
  scope: z.enum(['account', 'user', 'key', 'workspace']).describe('Who shares the count.'),
  scope_id: z.string().nullable().describe('The user, key or workspace; null for the account.'),
  kind: z
    .enum(['n', 'unlimited', 'disabled', 'unmetered'])
    .describe('`n` is limited by a number; `disabled` is not part of the plan; `unmetered` is only counted.'),
  percentage: z
    .number()
    .min(0)
    .nullable()
    .describe('Used share of the limit with two decimals, rounded down.'),
  state: z.enum(LIMIT_STATES),
  window_start: instant.nullable().describe('Null for a window without a beginning.'),
  resets_at: instant.nullable().describe('Null where nothing resets.'),
  source: z.string().describe('Where the limit comes from, such as `plan:pro`.'),
};

const costLimit = z.object({
  meter: z.literal('cost'),
  unit: z.literal('usd'),
  ...limitCommon,
  used: usd,
  held: usd.describe('Set aside for requests that are still running'),
  limit: usd.nullable(),
  remaining: usd.nullable().describe('What a new request may come to at most'),
  used_nano_usd: nanoUsd,
  held_nano_usd: nanoUsd,
  limit_nano_usd: nanoUsd.nullable(),
  remaining_nano_usd: nanoUsd.nullable(),
});

const countLimit = z.object({
  meter: z.string(),
  unit: z.enum(COUNT_UNITS),
  ...limitCommon,
  used: amount,
  held: amount.describe('Set aside for requests that are still running'),
  limit: amount.nullable(),
  remaining: amount.nullable().describe('What a new request may ask for at most'),
});

/** One limit in one window. */
export const limitWire = z.discriminatedUnion('unit', [costLimit, countLimit]).meta({ id: 'Limit' });
export type LimitWire = z.infer<typeof limitWire>;

/** A limit in one window, in the meter's own unit (nano-USD for `cost`). */
export type LimitReading = {
  meter: string;
  window: LimitWire['window'];
  scope: LimitWire['scope'];
  scopeId: string;
  kind: LimitWire['kind'];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  state: LimitState;
  windowStart: Date | null;
  resetsAt: Date | null;
  source: string;
};

export function limitToWire(reading: LimitReading): LimitWire {
  const limit = reading.kind === 'n' ? reading.amount : null;
  const remaining = limit === null ? null : larger(limit - reading.used - reading.held, 0n);
  const unit = meterUnit(reading.meter);
  const common = {
    window: reading.window,
    scope: reading.scope,
    scope_id: reading.scopeId === '' ? null : reading.scopeId,
    kind: reading.kind,
    percentage: percentageOf(reading.used, limit),
    state: reading.state,
    window_start: reading.windowStart?.toISOString() ?? null,
    resets_at: reading.resetsAt?.toISOString() ?? null,
    source: reading.source,
  };
  if (unit !== 'usd') {
    return {
      meter: reading.meter,
      unit,
      ...common,
      used: Number(reading.used),
      held: Number(reading.held),
      limit: limit === null ? null : Number(limit),
      remaining: remaining === null ? null : Number(remaining),
    };
  }
  return {
    meter: 'cost',
    unit,
    ...common,
    used: formatUsd(reading.used),
    held: formatUsd(reading.held),
    limit: limit === null ? null : formatUsd(limit),
    remaining: remaining === null ? null : formatUsd(remaining),
    used_nano_usd: reading.used.toString(),
    held_nano_usd: reading.held.toString(),
    limit_nano_usd: limit?.toString() ?? null,
    remaining_nano_usd: remaining?.toString() ?? null,
  };
}

/** Percent with two decimals, rounded down, so that 100 is only said when it is reached. Null without a limit. */
export function percentageOf(part: bigint, whole: bigint | null): number | null {
  if (whole === null) return null;
  return whole > 0n ? Number(bpsOf(part, whole)) / 100 : 100;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
