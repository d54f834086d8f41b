import { z } from 'zod';
import { parseDecimal, parseUsd } from '#libs/money/money.ts';
import {
  type Amount,
  amountOf,
  DISABLED,
  isGauge,
  isMeter,
  ON_LIMIT,
  PARALLEL_REQUESTS,
  SCOPES,
  UNLIMITED,
  WINDOWS,
} from './limit.ts';

const USD = / USD$/;
const MINUTES = / min$/;
const GROUPED = /^[1-9]\d{0,2}(_\d{3})+$/;
const SECONDS_PER_MINUTE = 60n;
/** The largest count that a database column holds. */
const LARGEST = 2n ** 63n - 1n;

/** An amount of money in a file: `2.00 USD`, or a quoted or plain decimal. Nano-USD. */
export const usdSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    const nano = parseUsd(String(value).replace(USD, ''));
    // A number with a fraction was already rounded by the YAML parser.
    if (nano > 0n && (typeof value === 'string' || Number.isSafeInteger(value))) return nano;
  } catch {
    // Reported below.
  }
  context.addIssue('must be an amount above zero such as 2.00 USD');
  return z.NEVER;
});

const AMOUNT_FORMS: Readonly<Record<string, string>> = {
  cost: 'money such as 2.00 USD',
  'audio.seconds': 'a whole number of seconds, or minutes such as 60 min',
};

/** The amount that a text states. @throws TypeError if it is not an amount of the meter. */
function parseAmount(meter: string, value: string | number): Amount {
  if (value === 'unlimited') return UNLIMITED;
  if (value === 'disabled') return DISABLED;
  const text = String(value);
  const n = meter === 'cost' ? moneyOf(text) : countOf(meter, text);
  if (n <= 0n || n > LARGEST) throw new TypeError('out of range');
  return amountOf(n);
}

function moneyOf(text: string): bigint {
  if (!USD.test(text)) throw new TypeError('no currency');
  return parseUsd(text.replace(USD, ''));
}

function countOf(meter: string, text: string): bigint {
  const inMinutes = meter === 'audio.seconds' && MINUTES.test(text);
  const digits = inMinutes ? text.replace(MINUTES, '') : text;
  const count = parseDecimal(GROUPED.test(digits) ? digits.replaceAll('_', '') : digits, 0);
  return inMinutes ? count * SECONDS_PER_MINUTE : count;
}

/** One limit of a plan. `thresholds` is the schema of thresholds that differ from the catalogue's. */
export function limitSchema<Thresholds extends z.ZodType>(thresholds: Thresholds) {
  return z
    .strictObject({
      meter: z.string().refine(isMeter, 'is not a meter'),
      window: z.enum(WINDOWS),
      scope: z.enum(SCOPES).default('account'),
      amount: z
        .union([z.string(), z.number()])
        .meta({ description: 'unlimited, disabled, a count (1_000), money (2.00 USD) or minutes (60 min)' }),
      approximately: usdSchema
        .optional()
        .meta({ description: 'The estimated cost of the amount; informative, not enforced' }),
      thresholds: thresholds.optional(),
      onLimit: z.enum(ON_LIMIT).default('deny'),
      overagePrice: usdSchema.optional().meta({ description: 'Price of one unit beyond the amount' }),
    })
    .transform((limit, context) => {
      const refuse = (path: string, message: string) => {
        context.addIssue({ code: 'custom', path: [path], message });
        return z.NEVER;
      };
      let amount: Amount;
      try {
        amount = parseAmount(limit.meter, limit.amount);
      } catch {
        const form = AMOUNT_FORMS[limit.meter] ?? 'a whole number such as 1_000';
        return refuse('amount', `must be unlimited, disabled, or ${form}; write disabled for 0`);
      }
      if (limit.meter === PARALLEL_REQUESTS) return refuse('meter', 'is set by caps.maxParallel');
      if (isGauge(limit.meter) && limit.window !== 'total') {
        return refuse('window', `${limit.meter} counts what exists, so its window must be total`);
      }
      if (limit.onLimit === 'overage' && (limit.overagePrice === undefined || amount.kind !== 'n')) {
        return refuse('onLimit', 'overage needs an amount in numbers and an overagePrice');
      }
      if (limit.onLimit === 'deny' && limit.overagePrice !== undefined) {
        return refuse('overagePrice', 'is only used with onLimit: overage');
      }
      return {
        meter: limit.meter,
        window: limit.window,
        scope: limit.scope,
        amount,
        approximatelyNanoUsd: limit.approximately ?? null,
        thresholds: limit.thresholds ?? {},
        onLimit: limit.onLimit,
        overagePriceNanoUsd: limit.overagePrice ?? null,
      };
    });
}
