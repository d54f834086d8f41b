import { z } from 'zod';
import { parseDecimal } from '#libs/money/money.ts';

/**
 * A decimal of a file, converted exactly to the integer `value × 10^decimals`. The YAML reader keeps decimals as text;
 * whole numbers may be numbers. A number with a fraction may already be rounded, so it is refused.
 */
export function decimalSchema(decimals: number, what: string) {
  return z
    .union([z.string(), z.number()], { error: `must be ${what}` })
    .meta({ description: what })
    .transform((value, context) => {
      try {
        if (typeof value === 'number' && !Number.isSafeInteger(value))
          throw new TypeError('write it in quotes');
        return parseDecimal(String(value), decimals);
      } catch (error) {
        context.addIssue(`must be ${what}: ${error instanceof Error ? error.message : String(error)}`);
        return z.NEVER;
      }
    });
}

/** A non-negative decimal. */
export function amountSchema(decimals: number, what: string) {
  return decimalSchema(decimals, what).transform((scaled, context) => {
    if (scaled >= 0n) return scaled;
    context.addIssue(`must be ${what}, not negative`);
    return z.NEVER;
  });
}
