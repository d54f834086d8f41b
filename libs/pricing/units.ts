/**
 * The disjoint classes of units of a provider call. Each token or unit counts in exactly one class: `input` excludes
 * cached tokens and `output` excludes reasoning tokens, even if the provider reports them together.
 */
export const UNIT_CLASSES = [
  'input',
  'cache_read',
  'cache_write',
  'cache_write_1h',
  /** Tokens of recordings in a prompt, cached or not. */
  'input_audio',
  'output',
  'reasoning',
  'image',
  /** What a vendor bills an image by, where that depends on its size and quality: tokens of images, or steps of its price list. */
  'image_unit',
  /** Tokens of images in the prompt of an image. */
  'image_input',
  'audio_second',
  /** Of a text that is spoken. */
  'character',
  'search',
  'page',
  'request',
] as const;

export type UnitClass = (typeof UNIT_CLASSES)[number];

/** Classes of a prompt of texts and images. */
export const PLAIN_INPUT_CLASSES = ['input', 'cache_read', 'cache_write'] as const satisfies UnitClass[];
/**
 * Classes of the prompt. Their sum is the prompt's size, which decides the price tier. Tokens are stored in a cache for an
 * hour only if the request asks for it, and are of audio only if it has a recording.
 */
export const INPUT_TOKEN_CLASSES = [
  ...PLAIN_INPUT_CLASSES,
  'cache_write_1h',
  'input_audio',
] as const satisfies UnitClass[];
/** Classes of the output. */
export const OUTPUT_TOKEN_CLASSES = ['output', 'reasoning'] as const satisfies UnitClass[];
export const TOKEN_CLASSES = [...INPUT_TOKEN_CLASSES, ...OUTPUT_TOKEN_CLASSES] as const;

/** Whole units by class. An absent class was not reported; it is not 0. */
export type Units = { readonly [K in UnitClass]?: number | undefined };

/** All tokens of a call. Classes that were not reported add nothing. */
export function totalTokens(units: Units): number {
  return sumOf(units, TOKEN_CLASSES);
}

/** The size of the prompt in tokens, cached or not. */
export function promptTokens(units: Units): number {
  return sumOf(units, INPUT_TOKEN_CLASSES);
}

/** Everything that the model produced, reasoning included. */
export function outputTokens(units: Units): number {
  return sumOf(units, OUTPUT_TOKEN_CLASSES);
}

/** The classes that were reported, with their whole, non-negative counts. @throws RangeError on any other count. */
export function reportedUnits(units: Units): [UnitClass, bigint][] {
  const reported: [UnitClass, bigint][] = [];
  for (const unitClass of UNIT_CLASSES) {
    const count = units[unitClass];
    if (count !== undefined) reported.push([unitClass, wholeUnits(unitClass, count)]);
  }
  return reported;
}

/** The count as an exact integer. @throws RangeError if it is negative or not whole. */
export function wholeUnits(unitClass: UnitClass, count: number): bigint {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`${unitClass} units must be a non-negative whole number, not ${count}`);
  }
  return BigInt(count);
}

/** The sum by class. A class stays unknown if neither side reports it. */
export function addUnits(left: Units, right: Units): Units {
  const sum: { -readonly [K in UnitClass]?: number } = {};
  for (const unitClass of UNIT_CLASSES) {
    const [a, b] = [left[unitClass], right[unitClass]];
    if (a !== undefined || b !== undefined) sum[unitClass] = (a ?? 0) + (b ?? 0);
  }
  return sum;
}

function sumOf(units: Units, classes: readonly UnitClass[]): number {
  return classes.reduce((sum, unitClass) => sum + (units[unitClass] ?? 0), 0);
}
