/** Prices: the public list, and the history that staff maintain. */
import { z } from 'zod';
import { formatDecimal, parseDecimal } from '#libs/money/money.ts';
import { MODEL_KINDS } from '#libs/pricing/model.ts';
import { modelKey, providerKey } from '#libs/pricing/price-book-schema.ts';
import { TOKEN_CLASSES, UNIT_CLASSES, type UnitClass } from '#libs/pricing/units.ts';
import { count, envelope, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { priceText } from './labels.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery, list } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const TOKENS: ReadonlySet<UnitClass> = new Set<UnitClass>(TOKEN_CLASSES);
const OTHER_CLASSES = UNIT_CLASSES.filter((unitClass) => !TOKENS.has(unitClass));
const MICRO_DECIMALS = 6;
const PICO_DECIMALS = 12;

const displayedPrice = z.object({
  per: z.enum(['million_tokens', 'unit']),
  price_usd: z.string().describe('An exact decimal.'),
  text: z.string().describe('The price in words for users.'),
});

/** A price per unit for display: per million tokens, or per unit of everything else. */
export function displayPrice(unitClass: UnitClass, picoUsdPerUnit: bigint): z.infer<typeof displayedPrice> {
  // A pico-USD per token is a micro-USD per million tokens.
  const text = priceText(unitClass, picoUsdPerUnit);
  return TOKENS.has(unitClass)
    ? { per: 'million_tokens', price_usd: formatDecimal(picoUsdPerUnit, MICRO_DECIMALS), text }
    : { per: 'unit', price_usd: formatDecimal(picoUsdPerUnit, PICO_DECIMALS), text };
}

const priceFields = {
  class: z.enum(UNIT_CLASSES).describe('Classes are disjoint: `input` is without cached tokens.'),
  ...displayedPrice.shape,
  from_input_tokens: count.describe('Applies to prompts of at least this many tokens.'),
  valid_from: instant,
};

const modelPricing = z.object({
  provider: z.string(),
  model: z.string(),
  label: z.string().describe('Name of the model for users.'),
  aliases: z.array(z.string()),
  kind: z.enum(MODEL_KINDS),
  context_window: count,
  max_output_tokens: count,
  prices: z.array(z.object(priceFields)),
});

export const pricingList = z
  .object({ currency: z.literal('USD'), as_of: instant, models: z.array(modelPricing) })
  .meta({ id: 'Pricing' });
export type PricingList = z.infer<typeof pricingList>;

const examplePrice = {
  class: 'input',
  per: 'million_tokens',
  price_usd: '0.150000',
  text: '$0.15 per 1M tokens',
  from_input_tokens: 0,
  valid_from: '2024-07-18T00:00:00.000Z',
} as const;

export const getPricing = defineOperation({
  operationId: 'getPricing',
  method: 'GET',
  path: '/api/subscription/pricing',
  summary: 'Prices of every model',
  description: 'The prices in force now, per unit class. A model without a price is not served.',
  tags: ['Plans'],
  auth: 'none',
  responses: {
    200: {
      description: 'Prices in force.',
      schema: envelope(pricingList),
      example: {
        success: true,
        data: {
          currency: 'USD',
          as_of: '2026-11-20T12:00:00.000Z',
          models: [
            {
              provider: 'openai',
              model: 'gpt-4o-mini',
              label: 'GPT-4o mini',
              aliases: ['gpt-4o-mini-2024-07-18'],
              kind: 'text',
              context_window: 128_000,
              max_output_tokens: 16_384,
              prices: [examplePrice],
            },
          ],
        },
      },
    },
    ...problemResponses('rate_limited', 'internal_error', 'service_unavailable'),
  },
});

const priceRow = z.object({
  provider: z.string(),
  model: z.string(),
  ...priceFields,
  state: z.enum(['in_force', 'scheduled', 'superseded']),
  author: z.string(),
  created_at: instant,
});
export type AdminPriceRow = z.infer<typeof priceRow>;

const examplePriceRow = {
  provider: 'openai',
  model: 'gpt-4o-mini',
  ...examplePrice,
  state: 'in_force',
  author: 'price-book',
  created_at: '2026-11-20T08:00:00.000Z',
};

export const listPrices = defineOperation({
  operationId: 'listPrices',
  method: 'GET',
  path: '/api/admin/prices',
  summary: 'The whole price history',
  tags: ['Admin'],
  auth: 'staff',
  querystring: keyPageQuery.extend({
    provider: z.string().max(100).optional(),
    model: z.string().max(200).optional(),
  }),
  responses: {
    200: {
      description: 'One page of prices, newest first within their model and class.',
      schema: keyPage(priceRow),
      example: { data: [examplePriceRow], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

/** A price as exact decimal text, parsed to the integer `price × 10^decimals`. JSON numbers are refused. */
const price = (decimals: number, what: string) =>
  z
    .string()
    .regex(
      new RegExp(`^(0|[1-9]\\d{0,11})(\\.\\d{1,${decimals}})?$`),
      `must be ${what} with at most ${decimals} decimals`,
    )
    .transform((text) => parseDecimal(text, decimals))
    .describe(what);

export const addPricesBody = z
  .strictObject({
    provider: providerKey,
    model: modelKey,
    valid_from: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('When the prices take effect; now by default, never in the past.'),
    from_input_tokens: count.default(0).describe('The prices apply to prompts of at least this many tokens.'),
    per_million_tokens: z
      .partialRecord(z.enum(TOKEN_CLASSES), price(MICRO_DECIMALS, 'USD per million tokens'))
      .optional(),
    per_unit: z.partialRecord(z.enum(OTHER_CLASSES), price(PICO_DECIMALS, 'USD per unit')).optional(),
  })
  .refine((body) => Object.keys({ ...body.per_million_tokens, ...body.per_unit }).length > 0, {
    error: 'must contain a price: per_million_tokens, per_unit or both',
  });
export type AddPricesBody = z.output<typeof addPricesBody>;

export const addPrices = defineOperation({
  operationId: 'addPrices',
  method: 'POST',
  path: '/api/admin/prices',
  summary: 'Change prices of a model',
  description:
    'Adds rows that take effect at a given time. Rows are never changed, so past costs stay explainable.',
  tags: ['Admin'],
  headers: idempotencyHeaders,
  auth: 'staff',
  body: addPricesBody,
  bodyExample: {
    provider: 'openai',
    model: 'gpt-4o-mini',
    valid_from: '2026-12-01T00:00:00Z',
    per_million_tokens: { input: '0.12', output: '0.50' },
  },
  responses: {
    201: {
      description: 'The rows added.',
      schema: list(priceRow),
      example: { data: [{ ...examplePriceRow, state: 'scheduled' }], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'unknown_model', 'conflict', 'semantic_error'),
  },
});

export const priceOperations = [getPricing, listPrices, addPrices] as const;
