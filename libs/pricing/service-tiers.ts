/**
 * Prices of service tiers, as multiples of the standard prices that the price book has. The standard tier is pinned in
 * every request, so another one is the vendor's doing; a call is charged what the tier costs that served it.
 *
 * Read on 2026-11-27:
 * - OpenAI: https://openai.com/api-priority-processing/ and https://platform.openai.com/docs/pricing (flex and batch)
 * - Gemini: https://ai.google.dev/gemini-api/docs/optimization: priority costs 75 % to 100 % more, and 80 % for Gemini 3
 * - Anthropic: https://platform.claude.com/docs/en/api/service-tiers: priority is bought in advance, at no other list price
 * - xAI: https://docs.x.ai/developers/advanced-api-usage/priority-processing: no figure found, so the highest of all
 */
import { ceilDiv } from '#libs/money/money.ts';
import { type ClassPrices, type ModelPrice, type PriceTier, withPrices } from './price.ts';

type Multiple = { readonly times: bigint; readonly per: bigint };
type ModelMultiple = readonly [model: RegExp, Multiple];

const multiple = (times: bigint, per = 1n): Multiple => ({ times, per });
const ONE = multiple(1n);
const HALF = multiple(1n, 2n);
const ANY = /^/;
/** Versions of prices are stored. */
const MAX_TIER_LENGTH = 32;

/** By vendor and tier; the first pattern that matches a model holds. */
const MULTIPLES: Readonly<Record<string, Readonly<Record<string, readonly ModelMultiple[]>>>> = {
  openai: {
    default: [[ANY, ONE]],
    flex: [[ANY, HALF]],
    batch: [[ANY, HALF]],
    priority: [
      [/^gpt-4o-mini/, multiple(5n, 3n)],
      [/^gpt-4o-2024-05-13$/, multiple(7n, 4n)],
      [/^gpt-4o/, multiple(17n, 10n)],
      [/^gpt-4\.1-nano/, multiple(2n)],
      [/^gpt-4\.1/, multiple(7n, 4n)],
      [/^o3$/, multiple(7n, 4n)],
      [/^o4-mini/, multiple(20n, 11n)],
      [/^gpt-5-mini/, multiple(9n, 5n)],
      [/^gpt-5(\.[124](-mini)?)?$/, multiple(2n)],
      [/^gpt-5\.5/, multiple(5n, 2n)],
    ],
  },
  gemini: {
    standard: [[ANY, ONE]],
    flex: [[ANY, HALF]],
    batch: [[ANY, HALF]],
    priority: [
      [/^gemini-3/, multiple(9n, 5n)],
      [ANY, multiple(2n)],
    ],
  },
  anthropic: {
    standard: [[ANY, ONE]],
    priority: [[ANY, ONE]],
    batch: [[ANY, HALF]],
  },
  xai: {
    default: [[ANY, ONE]],
    priority: [[ANY, multiple(5n, 2n)]],
  },
};

/**
 * The prices of the tier that served a call. A tier without a known price costs as much as the most expensive tier of any model of
 * the vendor, so that it is never too cheap. A vendor without tiers has one price.
 * @param tier as {@link normaliseTier} returns it.
 */
export function priceOfTier(standard: ModelPrice, tier: string): ModelPrice {
  const { times, per } = multipleOf(standard, tier);
  if (times === per) return standard;
  const scale = ({ fromInputTokens, picoUsdPerUnit }: PriceTier): PriceTier => ({
    fromInputTokens,
    picoUsdPerUnit: Object.fromEntries(
      Object.entries(picoUsdPerUnit).map(([unitClass, pico]) => [unitClass, ceilDiv(pico * times, per)]),
    ) as ClassPrices,
  });
  return withPrices(standard, standard.tiers.map(scale), tier);
}

/** The prices that a version names: the standard ones, or those of a tier; undefined if neither. */
export function priceNamed(standard: ModelPrice, version: string): ModelPrice | undefined {
  if (standard.version === version) return standard;
  const tier = version.split('+')[1];
  const price = tier === undefined ? undefined : priceOfTier(standard, tier);
  return price?.version === version ? price : undefined;
}

/** A reported tier as it is named here: `SERVICE_TIER_PRIORITY` as `priority`. */
export function normaliseTier(reported: string): string {
  return reported
    .toLowerCase()
    .replace(/^service_tier_/, '')
    .replace(/[^a-z0-9_-]/g, '')
    .slice(0, MAX_TIER_LENGTH);
}

function multipleOf({ provider, model }: ModelPrice, tier: string): Multiple {
  const tiers = MULTIPLES[provider];
  if (tiers === undefined) return ONE;
  const known = tiers[tier]?.find(([pattern]) => pattern.test(model));
  if (known !== undefined) return known[1];
  return Object.values(tiers)
    .flat()
    .map(([, each]) => each)
    .reduce((dearest, each) => (each.times * dearest.per > dearest.times * each.per ? each : dearest), ONE);
}
