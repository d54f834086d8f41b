import { z } from 'zod';
import type { ClassPrices, ModelPrice } from './price.ts';
import { UNIT_CLASSES } from './units.ts';

const picoText = z.string().regex(/^(0|[1-9]\d{0,30})$/);

/** `ModelPrice` as JSON: pico-USD per unit as decimal strings. Compact, because it travels in a header. */
export const modelPriceWire = z.strictObject({
  provider: z.string().min(1),
  model: z.string().min(1),
  version: z.string().min(1),
  tiers: z
    .array(
      z.strictObject({
        from_input_tokens: z.int().min(0),
        pico_usd_per_unit: z.partialRecord(z.enum(UNIT_CLASSES), picoText),
      }),
    )
    .min(1),
});

export type ModelPriceWire = z.infer<typeof modelPriceWire>;

export function toWire(price: ModelPrice): ModelPriceWire {
  return {
    provider: price.provider,
    model: price.model,
    version: price.version,
    tiers: price.tiers.map((tier) => ({
      from_input_tokens: tier.fromInputTokens,
      pico_usd_per_unit: mapPrices(tier.picoUsdPerUnit, (pico) => pico.toString()),
    })),
  };
}

/** The inverse of `toWire`. @throws ZodError if the value is not a serialised price. */
export function fromWire(value: unknown): ModelPrice {
  const { provider, model, version, tiers } = modelPriceWire.parse(value);
  return {
    provider,
    model,
    version,
    tiers: tiers.map((tier) => ({
      fromInputTokens: tier.from_input_tokens,
      picoUsdPerUnit: mapPrices(tier.pico_usd_per_unit, BigInt) satisfies ClassPrices,
    })),
  };
}

/** The prices of a version never change, so each is parsed once. */
const parsed = new Map<string, ModelPrice>();
/** A price book has some hundred models; this bounds what effective dates add over months. */
const MAX_PARSED = 1_000;

/** `fromWire`, for prices that travel with every call. */
export function priceOf(wire: ModelPriceWire): ModelPrice {
  let price = parsed.get(wire.version);
  if (price === undefined) {
    price = fromWire(wire);
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(wire.version, price);
  }
  return price;
}

function mapPrices<From, To>(
  prices: { readonly [K in (typeof UNIT_CLASSES)[number]]?: From | undefined },
  convert: (price: From) => To,
): { [K in (typeof UNIT_CLASSES)[number]]?: To } {
  const mapped: { [K in (typeof UNIT_CLASSES)[number]]?: To } = {};
  for (const unitClass of UNIT_CLASSES) {
    const price = prices[unitClass];
    if (price !== undefined) mapped[unitClass] = convert(price);
  }
  return mapped;
}
