/**
 * Limits and amounts of meters on the wire: integers in the meter's unit, as text, because nano-USD exceed the integers
 * that JSON parsers keep exact. Money is also given in decimal USD.
 */
import { z } from 'zod';
import {
  COUNTER_AMOUNT_KINDS,
  COUNTER_SCOPES,
  LIMIT_STATES,
  type LimitState,
  WINDOWS,
} from '#libs/catalogue/limit.ts';
import { bpsOf, formatUsd } from '#libs/money/money.ts';
import { instant, usd } from './envelope.ts';

export const METER_UNITS = ['nano_usd', 'tokens', 'seconds', 'count'] as const;
export type MeterUnit = (typeof METER_UNITS)[number];

/** The unit of a meter. */
export function meterUnit(meter: string): MeterUnit {
  if (meter === 'cost') return 'nano_usd';
  if (meter === 'audio.seconds') return 'seconds';
  return meter.startsWith('tokens.') ? 'tokens' : 'count';
}

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

/** One limit in one window. */
export const limitWire = z
  .object({
    meter: z.string().describe('The limited meter, such as `cost`, `tokens.total` or `gen.blog`.'),
    unit,
    window: z.enum(WINDOWS).describe('How often it resets.'),
    scope: z.enum(COUNTER_SCOPES).describe('Who shares the limit.'),
    scope_id: z.string().nullable().describe('The user, key or workspace; null for the account.'),
    kind: z
      .enum(COUNTER_AMOUNT_KINDS)
      .describe('`n`: a number; `disabled`: not part of the plan; `unmetered`: only counted.'),
    used: amount,
    held: amount.describe('Held for requests that are still running.'),
    limit: amount.nullable().describe('Null without a numeric limit; see `kind`.'),
    remaining: amount.nullable().describe('The most that a new request may ask for.'),
    used_usd: usdField,
    held_usd: usdField,
    limit_usd: usdField.nullable(),
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
    unit: true,
    window: true,
    scope: true,
    scope_id: true,
    used: true,
    held: true,
    limit: true,
    used_usd: true,
    held_usd: true,
    limit_usd: true,
    resets_at: true,
    source: true,
  })
  .extend({ asked: amount.describe('What the request needs at most.'), asked_usd: usdField })
  .meta({ id: 'RefusedLimit' });
export type RefusedLimitWire = z.infer<typeof refusedLimitWire>;

export const exampleRefusedLimit: RefusedLimitWire = {
  meter: 'cost',
  unit: 'nano_usd',
  window: 'day',
  scope: 'account',
  scope_id: null,
  used: '4990000000',
  held: '0',
  limit: '5000000000',
  asked: '18250000',
  used_usd: '4.990000000',
  held_usd: '0.000000000',
  limit_usd: '5.000000000',
  asked_usd: '0.018250000',
  resets_at: '2026-11-21T00:00:00.000Z',
  source: 'plan:basic',
};

/** A limit in one window, in the meter's own unit. */
export type LimitReading = {
  meter: string;
  window: LimitWire['window'];
  scope: LimitWire['scope'];
  /** Empty for the account. */
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
  const { meter, used, held } = reading;
  const limit = reading.kind === 'n' ? reading.amount : null;
  const remaining = limit === null ? null : larger(limit - used - held, 0n);
  return {
    meter,
    unit: meterUnit(meter),
    window: reading.window,
    scope: reading.scope,
    scope_id: reading.scopeId === '' ? null : reading.scopeId,
    kind: reading.kind,
    used: used.toString(),
    held: held.toString(),
    limit: limit?.toString() ?? null,
    remaining: remaining?.toString() ?? null,
    ...(meter === 'cost' && {
      used_usd: formatUsd(used),
      held_usd: formatUsd(held),
      limit_usd: limit === null ? null : formatUsd(limit),
      remaining_usd: remaining === null ? null : formatUsd(remaining),
    }),
    percentage: percentageOf(used, limit),
    state: reading.state,
    window_start: reading.windowStart?.toISOString() ?? null,
    resets_at: reading.resetsAt?.toISOString() ?? null,
    source: reading.source,
  };
}

/** Percent with two decimals, rounded down, so 100 means that the limit is reached. Null without a limit. */
export function percentageOf(part: bigint, whole: bigint | null): number | null {
  if (whole === null) return null;
  return whole > 0n ? Number(bpsOf(part, whole)) / 100 : 100;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
