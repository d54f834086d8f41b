/**
 * Exact money. Amounts are integer nano-USD (10⁻⁹ USD) and prices integer pico-USD (10⁻¹² USD) per unit, both `bigint`.
 * No operation loses a fraction: where a result is not whole, the caller chooses how it is rounded.
 */
export type NanoUsd = bigint;

export const NANO_PER_MINOR = 10_000_000n;
export const PICO_PER_NANO = 1_000n;
/** Basis points in a whole: 10 000 bps = 100 %. */
export const BPS_PER_WHOLE = 10_000n;

const USD_DECIMALS = 9;
/** Longer texts are refused: the cost of parsing a `BigInt` grows with the square of the length. */
const DECIMAL_TEXT_LIMIT = 40;
const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/;

export type Rounding = 'up' | 'down' | 'half_up';

/**
 * The integer `text × 10^decimals`, exactly. Plain decimal notation only: an optional minus, no plus, no exponent, no
 * blanks, no leading zeros.
 * @throws TypeError if the text has another format or more than `decimals` decimal places.
 */
export function parseDecimal(text: string, decimals: number): bigint {
  const match = text.length <= DECIMAL_TEXT_LIMIT ? DECIMAL.exec(text) : null;
  if (match === null)
    throw new TypeError(`not a decimal number: ${JSON.stringify(text.slice(0, DECIMAL_TEXT_LIMIT))}`);
  const [, sign, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) throw new TypeError(`more than ${decimals} decimal places: ${text}`);
  const magnitude = BigInt(whole + fraction.padEnd(decimals, '0'));
  return sign === '-' ? -magnitude : magnitude;
}

/** `value × 10^-decimals` in plain decimal notation, always with all decimal places. */
export function formatDecimal(value: bigint, decimals: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals === 0 ? '' : `.${digits.slice(-decimals)}`;
  return `${value < 0n ? '-' : ''}${whole}${fraction}`;
}

/** The wire form of an amount: USD with nine decimals, such as `"0.000314250"` or `"-1.500000000"`. */
export function formatUsd(nano: NanoUsd): string {
  return formatDecimal(nano, USD_DECIMALS);
}

/**
 * Nano-USD from a decimal text in USD.
 * @throws TypeError unless the text is a plain decimal with at most nine decimal places.
 */
export function parseUsd(text: string): NanoUsd {
  return parseDecimal(text, USD_DECIMALS);
}

/** `dividend ÷ divisor`, rounded towards +∞. @throws RangeError unless the divisor is positive. */
export function ceilDiv(dividend: bigint, divisor: bigint): bigint {
  return -floorDiv(-dividend, divisor);
}

/** `dividend ÷ divisor`, rounded towards −∞. @throws RangeError unless the divisor is positive. */
export function floorDiv(dividend: bigint, divisor: bigint): bigint {
  if (divisor <= 0n) throw new RangeError('divisor must be positive');
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

/** `up` rounds towards +∞, `down` towards −∞, `half_up` to the nearest integer and halves towards +∞. */
export function divide(dividend: bigint, divisor: bigint, rounding: Rounding): bigint {
  if (rounding === 'up') return ceilDiv(dividend, divisor);
  if (rounding === 'down') return floorDiv(dividend, divisor);
  return floorDiv(2n * dividend + divisor, 2n * divisor);
}

/**
 * Nano-USD of an amount in minor units (cents), exactly.
 * @throws RangeError if a number is not a safe integer.
 */
export function minorToNano(minor: bigint | number): NanoUsd {
  if (typeof minor === 'number' && !Number.isSafeInteger(minor))
    throw new RangeError('minor units must be whole');
  return BigInt(minor) * NANO_PER_MINOR;
}

/** Minor units (cents) of an amount, rounded as given. */
export function nanoToMinor(nano: NanoUsd, rounding: Rounding): bigint {
  return divide(nano, NANO_PER_MINOR, rounding);
}

/** `bps` basis points of an amount (2 000 bps = 20 %), in the unit of the amount. */
export function shareOf(amount: bigint, bps: bigint | number, rounding: Rounding): bigint {
  return divide(amount * BigInt(bps), BPS_PER_WHOLE, rounding);
}

/**
 * The share of `part` in `whole`, in basis points, rounded down, so 100 % is reported only when it is reached.
 * @throws RangeError unless the whole is positive.
 */
export function bpsOf(part: bigint, whole: bigint): bigint {
  return floorDiv(part * BPS_PER_WHOLE, whole);
}

/** Whether `part` is at least `bps` basis points of `whole`. Exact, unlike `bpsOf`, which rounds. */
export function reaches(part: bigint, whole: bigint, bps: bigint | number): boolean {
  return part * BPS_PER_WHOLE >= whole * BigInt(bps);
}
