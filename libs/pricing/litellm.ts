/**
 * Prices in the public format of LiteLLM, `model_prices_and_context_window.json`: one entry a model, in USD per unit.
 * @see https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json
 */
import { parseDecimal } from '#libs/money/money.ts';
import { findModel, type ModelInfo } from './model.ts';
import type { PriceRow } from './price.ts';
import { UNIT_CLASSES, type UnitClass } from './units.ts';

/** Our provider by theirs. Resellers, such as bedrock, have prices of their own. */
const PROVIDERS: Readonly<Record<string, string>> = {
  openai: 'openai',
  'text-completion-openai': 'openai',
  anthropic: 'anthropic',
  gemini: 'gemini',
  xai: 'xai',
  mistral: 'mistral',
};

/** Their field of each unit class. */
const FIELDS = {
  input: 'input_cost_per_token',
  cache_read: 'cache_read_input_token_cost',
  cache_write: 'cache_creation_input_token_cost',
  cache_write_1h: 'cache_creation_input_token_cost_above_1hr',
  output: 'output_cost_per_token',
  reasoning: 'output_cost_per_reasoning_token',
  audio_second: 'input_cost_per_second',
  character: 'input_cost_per_character',
} as const satisfies Partial<Record<UnitClass, string>>;

/** What a class costs if the entry does not say it. */
const INHERITED: Readonly<Partial<Record<UnitClass, UnitClass>>> = {
  cache_read: 'input',
  cache_write: 'input',
  reasoning: 'output',
};

const TIER = /^input_cost_per_token_above_(\d+)(k?)_tokens$/;

export type LiteLlmPrices = {
  /** Of models that we know, without an instant. */
  rows: Omit<PriceRow, 'validFrom'>[];
  /** Entries of our providers that name no model that we know. */
  unknown: { provider: string; name: string }[];
  /** Entries that cannot be read, and why. */
  skipped: { name: string; reason: string }[];
};

type Entry = Readonly<Record<string, unknown>>;

/**
 * Reads the prices of known models, with every class that such a model has prices for now: an absent one costs as much as
 * plain input or output. Images are left out, because their price depends on size and quality.
 *
 * @param classesOf the classes that a model has prices for now.
 */
export function readLiteLlm(
  source: Readonly<Record<string, unknown>>,
  models: readonly ModelInfo[],
  classesOf: (model: ModelInfo) => ReadonlySet<UnitClass>,
): LiteLlmPrices {
  const result: LiteLlmPrices = { rows: [], unknown: [], skipped: [] };
  const seen = new Set<string>();
  for (const [name, entry] of Object.entries(source)) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { litellm_provider: theirs } = entry as Entry;
    const provider = typeof theirs === 'string' ? PROVIDERS[theirs] : undefined;
    if (provider === undefined) continue;
    const plain = name.slice(name.lastIndexOf('/') + 1);
    const model = findModel(models, `${provider}/${plain}`);
    if (model === undefined) {
      result.unknown.push({ provider, name });
      continue;
    }
    // the name itself before its aliases, whichever comes first in the file
    const isOwnName = plain === model.model;
    const key = `${provider}/${model.model}`;
    if (model.kind === 'image' || (seen.has(key) && !isOwnName)) continue;
    try {
      const rows = rowsOf(entry as Entry, model, classesOf(model));
      result.rows = result.rows.filter((row) => row.model !== model.model || row.provider !== provider);
      result.rows.push(...rows);
      seen.add(key);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      result.skipped.push({ name, reason: error.message });
    }
  }
  return result;
}

function rowsOf(
  entry: Entry,
  { provider, model }: ModelInfo,
  classes: ReadonlySet<UnitClass>,
): Omit<PriceRow, 'validFrom'>[] {
  const base = tierOf(entry, '', {}, classes);
  if (Object.keys(base).length === 0) throw new RangeError('It has no price of a class that the model has.');
  const rows = toRows(base, 0);
  const tiers = Object.keys(entry).flatMap((field) => {
    const [, digits, thousands] = TIER.exec(field) ?? [];
    if (digits === undefined) return [];
    const above = Number(digits) * (thousands === 'k' ? 1_000 : 1);
    return [{ above, suffix: `_above_${digits}${thousands}_tokens` }];
  });
  for (const { above, suffix } of tiers.toSorted((one, other) => one.above - other.above))
    rows.push(...toRows(tierOf(entry, suffix, base, classes), above + 1));
  return rows;

  function toRows(prices: Partial<Record<UnitClass, bigint>>, fromInputTokens: number) {
    return Object.entries(prices).map(([unitClass, picoUsdPerUnit]) => ({
      ...{ provider, model, class: unitClass as UnitClass, picoUsdPerUnit, fromInputTokens },
    }));
  }
}

/** The prices of a tier: its own, else those of the tier below. What the entry leaves out follows the plain class. */
function tierOf(
  entry: Entry,
  suffix: string,
  base: Partial<Record<UnitClass, bigint>>,
  classes: ReadonlySet<UnitClass>,
): Partial<Record<UnitClass, bigint>> {
  const stated = (unitClass: UnitClass, of = suffix) => {
    const field = FIELDS[unitClass as keyof typeof FIELDS];
    return field === undefined ? undefined : picoUsd(field + of, entry[field + of]);
  };
  const prices: Partial<Record<UnitClass, bigint>> = {};
  for (const unitClass of UNIT_CLASSES) {
    if (!classes.has(unitClass)) continue;
    const plain = INHERITED[unitClass];
    const isStated = plain === undefined || stated(unitClass, '') !== undefined;
    const inherited = isStated ? base[unitClass] : (stated(plain) ?? base[plain]);
    const price = stated(unitClass) ?? inherited;
    if (price !== undefined) prices[unitClass] = price;
  }
  return prices;
}

const PICO_DECIMALS = 12;
/** Numbers of the file are binary fractions: `0.00000015` may be a little more. */
const NOISE = 1e-9;

/** @throws RangeError for a value that is no price, or more precise than a pico-USD. */
function picoUsd(field: string, value: unknown): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0 || number > 1_000) throw new RangeError(`${field} is no price.`);
  const text = number.toFixed(PICO_DECIMALS);
  if (Math.abs(Number(text) - number) > number * NOISE)
    throw new RangeError(`${field} is more precise than a pico-USD.`);
  return parseDecimal(text, PICO_DECIMALS);
}
