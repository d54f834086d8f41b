import { z } from 'zod';
import { amountSchema } from './decimal-schema.ts';
import { MODEL_KINDS, TOKENIZERS } from './model.ts';
import { TOKEN_CLASSES, UNIT_CLASSES } from './units.ts';

const TOKEN_CLASS_NAMES: readonly string[] = TOKEN_CLASSES;
const OTHER_CLASSES = UNIT_CLASSES.filter((unitClass) => !TOKEN_CLASS_NAMES.includes(unitClass));

const CAPABILITIES = ['vision', 'tools', 'jsonSchema', 'reasoning', 'streaming', 'pdf', 'audio'] as const;

export const providerKey = z
  .string()
  .regex(/^[a-z][a-z0-9_-]*$/, 'must be lower case letters, digits, - and _');
export const modelKey = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:-]*$/, 'must be letters, digits, and any of . _ : - after the first');

/** An instant: a date (midnight UTC) or a date and time with its offset. */
export const instant = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: 'must be a date such as 2025-06-17, or a date and time with its offset',
  })
  .transform((text) => new Date(text).toISOString());

const priceSet = z
  .strictObject({
    from: instant.meta({ description: 'When these prices begin to hold' }),
    aboveInputTokens: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'They hold for calls whose prompt has more tokens than this' }),
    perMillion: z
      .partialRecord(
        z.enum(TOKEN_CLASSES),
        amountSchema(6, 'USD per million tokens, with at most 6 decimals'),
      )
      .optional(),
    perUnit: z
      .partialRecord(z.enum(OTHER_CLASSES), amountSchema(12, 'USD per unit, with at most 12 decimals'))
      .optional(),
  })
  .refine((set) => Object.keys({ ...set.perMillion, ...set.perUnit }).length > 0, {
    error: 'must price something: perMillion (tokens) or perUnit (the rest)',
  });

/** One model with its price history, in a price book or a catalogue. */
export const pricedModelSchema = z.strictObject({
  provider: providerKey,
  model: modelKey,
  prices: z.array(priceSet).min(1),
});

const bookModelSchema = pricedModelSchema.extend({
  aliases: z.array(modelKey).default([]),
  upstreamModel: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "The provider's own name; the key by default" }),
  kind: z.enum(MODEL_KINDS).default('text'),
  source: z.url().optional().meta({ description: "The vendor's page with the windows of the model" }),
  checked: z.iso.date().optional().meta({ description: 'When windows and prices were last checked' }),
  vendorChecked: z
    .array(z.enum(['window', 'prices']))
    .default([])
    .meta({ description: "What was compared with the vendor's own page; the rest, with public tables" }),
  contextWindow: z.int().min(0).default(0),
  maxOutputTokens: z.int().min(0).default(0),
  maxImageInputTokens: z.int().min(0).default(0),
  enforcesWindow: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether the vendor refuses prompts with more tokens than contextWindow' }),
  maxPageInputTokens: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Most tokens of a page of a PDF document, where the vendor documents them' }),
  maxAudioTokensPerSecond: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Most tokens of a second of a recording' }),
  tokenizer: z.enum(TOKENIZERS).nullable().default(null),
  capabilities: z.array(z.enum(CAPABILITIES)).default([]),
});

export const priceBookSchema = z.strictObject({
  version: z.string().min(1),
  models: z.array(bookModelSchema).min(1),
});

export type PricedModelEntry = z.output<typeof pricedModelSchema>;
export type BookModelEntry = z.output<typeof bookModelSchema>;
export type PriceBookFile = z.output<typeof priceBookSchema>;
