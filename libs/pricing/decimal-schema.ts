import { z } from 'zod';
import { parseDecimal } from '#libs/money/money.ts';

/**
 * A decimal as files hold it, converted exactly to the integer `value × 10^decimals`. Readers of YAML keep decimals as
 * text; a whole number may also be a number. A number with a fraction was already rounded by its reader and is refused.
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

/** A decimal that is not negative. */
export function amountSchema(decimals: number, what: string) {
  return decimalSchema(decimals, what).transform((scaled, context) => {
    if (scaled >= 0n) return scaled;
    context.addIssue(`must be ${what}, not negative`);
    return z.NEVER;
  });
}
