import { hash } from 'node:crypto';
import { ceilDiv, type NanoUsd, PICO_PER_NANO } from '#libs/money/money.ts';
import {
  OUTPUT_TOKEN_CLASSES,
  PLAIN_INPUT_CLASSES,
  promptTokens,
  reportedUnits,
  UNIT_CLASSES,
  type UnitClass,
  type Units,
  wholeUnits,
} from './units.ts';

/**
 * One row of the price history. Rows are immutable and unique on (provider, model, class, fromInputTokens, validFrom).
 * A price changes by adding a row with a later `validFrom`.
 */
export interface PriceRow {
  readonly provider: string;
  readonly model: string;
  readonly class: UnitClass;
  /** ISO 8601 instant from which the row applies, until a later row of the same class and tier. */
  readonly validFrom: string;
  readonly picoUsdPerUnit: bigint;
  /** Prompt size in tokens at which the row's tier begins; 0 for the base tier. */
  readonly fromInputTokens: number;
}

export type ClassPrices = { readonly [K in UnitClass]?: bigint };

/** The prices (pico-USD per unit) of every unit of a call whose prompt has at least `fromInputTokens` tokens. */
export interface PriceTier {
  readonly fromInputTokens: number;
  readonly picoUsdPerUnit: ClassPrices;
}

/** The prices of one model at one instant. */
export interface ModelPrice {
  readonly provider: string;
  readonly model: string;
  /**
   * `provider/model@validFrom#hash`: the newest row in force, and a hash of all prices. One version never has two prices,
   * also when a tier is added later for the same date. The prices of a service tier end with its name: `+priority`.
   */
  readonly version: string;
  /** Ascending by `fromInputTokens`, the first at 0. Each tier contains all its prices. */
  readonly tiers: readonly PriceTier[];
}

/** A call has units in a class without a price. It is refused, never free. */
export class UnpricedClassError extends Error {
  override readonly name = 'UnpricedClassError';
  readonly provider: string;
  readonly model: string;
  readonly unitClass: UnitClass;

  constructor(price: ModelPrice, unitClass: UnitClass) {
    super(`${price.provider}/${price.model} has no price for ${unitClass}`);
    this.provider = price.provider;
    this.model = price.model;
    this.unitClass = unitClass;
  }
}

/**
 * The prices of a model in force at an instant: for each class and tier, the row with the latest `validFrom` not after
 * `at`. A tier inherits the prices that it lacks from the tier below.
 * @returns undefined if the model has no base tier yet, so it cannot be called.
 */
export function effectivePrice(
  rows: readonly PriceRow[],
  provider: string,
  model: string,
  at: Date,
): ModelPrice | undefined {
  const inForce = new Map<string, { row: PriceRow; validFromMs: number }>();
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    if (row.model !== model || row.provider !== provider) continue;
    const validFromMs = Date.parse(row.validFrom);
    if (validFromMs > at.getTime()) continue;
    newestMs = Math.max(newestMs, validFromMs);
    const key = `${row.class} ${row.fromInputTokens}`;
    const known = inForce.get(key);
    if (known === undefined || known.validFromMs <= validFromMs) inForce.set(key, { row, validFromMs });
  }
  const current = [...inForce.values()].map(({ row }) => row);
  if (!current.some((row) => row.fromInputTokens === 0)) return undefined;
  const tiers = tiersOf(current);
  const version = `${provider}/${model}@${new Date(newestMs).toISOString()}#${hashOf(tiers)}`;
  return { provider, model, version, tiers };
}

/** The same model with other prices: of a service tier, which the version names after a `+`. */
export function withPrices(price: ModelPrice, tiers: readonly PriceTier[], serviceTier: string): ModelPrice {
  const [since] = price.version.split('#');
  return { ...price, tiers, version: `${since}#${hashOf(tiers)}+${serviceTier}` };
}

/** Hex digits of the hash in a version: 64 bits. */
const HASH_LENGTH = 16;

function hashOf(tiers: readonly PriceTier[]): string {
  const exact = tiers.map(({ fromInputTokens, picoUsdPerUnit }) => [
    fromInputTokens,
    UNIT_CLASSES.map((unitClass) => picoUsdPerUnit[unitClass]?.toString() ?? null),
  ]);
  return hash('sha256', JSON.stringify(exact)).slice(0, HASH_LENGTH);
}

function tiersOf(rows: readonly PriceRow[]): PriceTier[] {
  const starts = [...new Set(rows.map((row) => row.fromInputTokens))].sort((a, b) => a - b);
  const tiers: PriceTier[] = [];
  let inherited: ClassPrices = {};
  for (const fromInputTokens of starts) {
    const own = rows.filter((row) => row.fromInputTokens === fromInputTokens);
    inherited = { ...inherited, ...Object.fromEntries(own.map((row) => [row.class, row.picoUsdPerUnit])) };
    tiers.push({ fromInputTokens, picoUsdPerUnit: inherited });
  }
  return tiers;
}

export interface CostParts {
  /** Input: prompt tokens, audio, and charges per request, search or page. */
  readonly inputNanoUsd: NanoUsd;
  /** Output: output and reasoning tokens, images and their units. */
  readonly outputNanoUsd: NanoUsd;
  /** Always the exact sum of the two parts. */
  readonly totalNanoUsd: NanoUsd;
}

const PRODUCED: ReadonlySet<UnitClass> = new Set<UnitClass>([...OUTPUT_TOKEN_CLASSES, 'image', 'image_unit']);

/**
 * The cost of the reported units in nano-USD, rounded up once, over the whole sum.
 * @throws UnpricedClassError if units are reported in a class without a price.
 * @throws RangeError if a count is negative or not whole.
 */
export function costNanoUsd(units: Units, price: ModelPrice): NanoUsd {
  return costParts(units, price).totalNanoUsd;
}

/** The cost split into two parts that sum to `costNanoUsd`; the input part is rounded. Throws as `costNanoUsd` does. */
export function costParts(units: Units, price: ModelPrice): CostParts {
  const reported = reportedUnits(units);
  const tier = tierFor(price, promptTokens(units));
  let inputPico = 0n;
  let outputPico = 0n;
  for (const [unitClass, count] of reported) {
    if (count === 0n) continue;
    const pico = count * priceOf(price, tier, unitClass);
    if (PRODUCED.has(unitClass)) outputPico += pico;
    else inputPico += pico;
  }
  const totalNanoUsd = ceilDiv(inputPico + outputPico, PICO_PER_NANO);
  const outputNanoUsd = inputPico === 0n ? totalNanoUsd : outputPico / PICO_PER_NANO;
  return { inputNanoUsd: totalNanoUsd - outputNanoUsd, outputNanoUsd, totalNanoUsd };
}

export interface WorstCase {
  /** Upper bound of the prompt's tokens, including images. */
  readonly inputTokens: number;
  /** The cap that is sent to the provider. It bounds output and reasoning together. */
  readonly outputTokens: number;
  /** Upper bounds of units that are not tokens. */
  readonly otherUnits?: Units;
  /** Whether the prompt may be stored in a cache for an hour, which costs more than for five minutes. */
  readonly cachesForAnHour?: boolean | undefined;
  /** Whether the prompt has recordings, whose tokens may cost more than those of texts. */
  readonly hearsAudio?: boolean | undefined;
}

/**
 * An upper bound of the cost of a call, for every split of its tokens over the classes: the most expensive input class
 * and the most expensive output class of the most expensive tier that a prompt of at most `inputTokens` can reach.
 * @throws UnpricedClassError if the call may have tokens or units without a price.
 */
export function worstCaseNanoUsd(bound: WorstCase, price: ModelPrice): NanoUsd {
  const inputTokens = wholeUnits('input', bound.inputTokens);
  const outputTokens = wholeUnits('output', bound.outputTokens);
  const others = reportedUnits(bound.otherUnits ?? {}).filter(([, count]) => count > 0n);
  const inputClasses = inputClassesOf(bound);
  let worstPico = 0n;
  for (const tier of price.tiers) {
    if (tier.fromInputTokens > bound.inputTokens) break;
    let pico = 0n;
    if (inputTokens > 0n) pico += inputTokens * highestOf(price, tier, inputClasses);
    if (outputTokens > 0n) pico += outputTokens * highestOf(price, tier, OUTPUT_TOKEN_CLASSES);
    for (const [unitClass, count] of others) pico += count * priceOf(price, tier, unitClass);
    if (pico > worstPico) worstPico = pico;
  }
  return ceilDiv(worstPico, PICO_PER_NANO);
}

/** The classes that tokens of the prompt can be in. */
function inputClassesOf({ cachesForAnHour, hearsAudio }: WorstCase): readonly [UnitClass, ...UnitClass[]] {
  return [
    ...PLAIN_INPUT_CLASSES,
    ...(cachesForAnHour === true ? (['cache_write_1h'] as const) : []),
    ...(hearsAudio === true ? (['input_audio'] as const) : []),
  ];
}

/** The tier that applies to a prompt of this many tokens. @throws RangeError if there is no base tier. */
export function tierFor(price: ModelPrice, prompt: number): PriceTier {
  const tier = price.tiers.findLast((candidate) => candidate.fromInputTokens <= prompt);
  if (tier === undefined) throw new RangeError(`${price.version} has no base tier`);
  return tier;
}

function priceOf(price: ModelPrice, tier: PriceTier, unitClass: UnitClass): bigint {
  const pico = tier.picoUsdPerUnit[unitClass];
  if (pico === undefined) throw new UnpricedClassError(price, unitClass);
  return pico;
}

function highestOf(
  price: ModelPrice,
  tier: PriceTier,
  classes: readonly [UnitClass, ...UnitClass[]],
): bigint {
  let highest: bigint | undefined;
  for (const unitClass of classes) {
    const pico = tier.picoUsdPerUnit[unitClass];
    if (pico !== undefined && (highest === undefined || pico > highest)) highest = pico;
  }
  if (highest === undefined) throw new UnpricedClassError(price, classes[0]);
  return highest;
}
