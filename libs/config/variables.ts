import { z } from 'zod';

const DURATION_UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTE_UNITS = { '': 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 } as const;

/** `true|false|yes|no|on|off|1|0`. Anything else is an error: a typo must not disable a feature. */
export function flag() {
  return z.stringbool({ truthy: ['true', 'yes', 'on', '1'], falsy: ['false', 'no', 'off', '0'] });
}

/** A whole number within bounds. */
export function integer(bounds: { min?: number; max?: number } = {}) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = bounds;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** A TCP port. `0` lets the system choose, which tests rely on. */
export function port() {
  return integer({ min: 0, max: 65_535 });
}

/** A duration with its unit, such as `250ms`, `30s`, `15m`, `24h` or `7d`, read into milliseconds. */
export function durationMs() {
  return z.string().transform((text, context) => {
    const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
    if (amount !== undefined && unit !== undefined) {
      return Math.round(Number(amount) * DURATION_UNITS_MS[unit as keyof typeof DURATION_UNITS_MS]);
    }
    context.addIssue('must be a duration with its unit, such as 250ms, 30s, 15m, 24h or 7d');
    return z.NEVER;
  });
}

/** A size such as `4096`, `64kb` or `1mb` (powers of 1024), read into bytes. */
export function byteSize() {
  return z.string().transform((text, context) => {
    const [, amount, unit] = /^(\d{1,9})(|kb|mb|gb)$/.exec(text.toLowerCase()) ?? [];
    if (amount !== undefined && unit !== undefined) {
      return Number(amount) * BYTE_UNITS[unit as keyof typeof BYTE_UNITS];
    }
    context.addIssue('must be a size, such as 4096, 64kb or 1mb');
    return z.NEVER;
  });
}

/** A comma-separated list; blanks around entries and empty entries are dropped. */
export function list() {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  );
}

/** An absolute http or https URL without its trailing slash. */
export function httpUrl() {
  return z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));
}

const ENCRYPTION_KEY = /^[\w-]{43}$/;

/** Keys of 32 bytes in base64url, read into bytes. */
export function encryptionKeys() {
  return list()
    .transform((texts, context) => {
      if (texts.length > 0 && texts.every((text) => ENCRYPTION_KEY.test(text)))
        return texts.map((text) => Buffer.from(text, 'base64url'));
      context.addIssue('must be keys of 32 bytes in base64url, separated by commas');
      return z.NEVER;
    })
    .meta({ secret: true })
    .describe(
      'Comma-separated keys that encrypt the secrets of customers in the database, each 32 random bytes in base64url; the first encrypts, all decrypt',
    );
}
