/**
 * The price feed: every enabled model, and every price row in force now or later. Services cache it and reload it when a
 * notification of kind `prices` arrives.
 */
import { z } from 'zod';
import { MODEL_KINDS, type ModelInfo, TOKENIZERS } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';
import { count, instant } from './envelope.ts';

export const PRICE_FEED_PATH = '/internal/prices';

const modelInfoWire = z.object({
  provider: z.string(),
  model: z.string(),
  aliases: z.array(z.string()),
  upstream_model: z.string(),
  kind: z.enum(MODEL_KINDS),
  context_window: count,
  max_output_tokens: count,
  max_image_input_tokens: count,
  enforces_window: z.boolean().optional(),
  max_page_input_tokens: count.optional(),
  max_audio_tokens_per_second: count.optional(),
  tokenizer: z.enum(TOKENIZERS).nullable(),
  capabilities: z.object({
    vision: z.boolean(),
    tools: z.boolean(),
    json_schema: z.boolean(),
    reasoning: z.boolean(),
    streaming: z.boolean(),
    pdf: z.boolean().optional(),
    audio: z.boolean().optional(),
  }),
});

const priceRowWire = z.object({
  provider: z.string(),
  model: z.string(),
  class: z.enum(UNIT_CLASSES),
  valid_from: instant,
  from_input_tokens: count,
  pico_usd_per_unit: z.string().regex(/^(0|[1-9]\d{0,30})$/),
});

export const priceFeedWire = z.object({ models: z.array(modelInfoWire), rows: z.array(priceRowWire) });
export type PriceFeedWire = z.infer<typeof priceFeedWire>;

export type PriceFeed = { models: readonly ModelInfo[]; rows: readonly PriceRow[] };

export function priceFeedToWire({ models, rows }: PriceFeed): PriceFeedWire {
  return {
    models: models.map((info) => ({
      provider: info.provider,
      model: info.model,
      aliases: [...info.aliases],
      upstream_model: info.upstreamModel,
      kind: info.kind,
      context_window: info.contextWindow,
      max_output_tokens: info.maxOutputTokens,
      max_image_input_tokens: info.maxImageInputTokens,
      ...(info.enforcesWindow && { enforces_window: true }),
      ...(info.maxPageInputTokens !== undefined && { max_page_input_tokens: info.maxPageInputTokens }),
      ...(info.maxAudioTokensPerSecond !== undefined && {
        max_audio_tokens_per_second: info.maxAudioTokensPerSecond,
      }),
      tokenizer: info.tokenizer,
      capabilities: {
        vision: info.capabilities.vision,
        tools: info.capabilities.tools,
        json_schema: info.capabilities.jsonSchema,
        reasoning: info.capabilities.reasoning,
        streaming: info.capabilities.streaming,
        ...(info.capabilities.pdf && { pdf: true }),
        ...(info.capabilities.audio && { audio: true }),
      },
    })),
    rows: rows.map((row) => ({
      provider: row.provider,
      model: row.model,
      class: row.class,
      valid_from: row.validFrom,
      from_input_tokens: row.fromInputTokens,
      pico_usd_per_unit: row.picoUsdPerUnit.toString(),
    })),
  };
}

/** The inverse of {@link priceFeedToWire}. @throws ZodError when the value is not a price feed. */
export function priceFeedFromWire(value: unknown): PriceFeed {
  const { models, rows } = priceFeedWire.parse(value);
  return {
    models: models.map((info) => ({
      provider: info.provider,
      model: info.model,
      aliases: info.aliases,
      upstreamModel: info.upstream_model,
      kind: info.kind,
      contextWindow: info.context_window,
      maxOutputTokens: info.max_output_tokens,
      maxImageInputTokens: info.max_image_input_tokens,
      ...(info.enforces_window && { enforcesWindow: true }),
      ...(info.max_page_input_tokens !== undefined && { maxPageInputTokens: info.max_page_input_tokens }),
      ...(info.max_audio_tokens_per_second !== undefined && {
        maxAudioTokensPerSecond: info.max_audio_tokens_per_second,
      }),
      tokenizer: info.tokenizer,
      capabilities: {
        vision: info.capabilities.vision,
        tools: info.capabilities.tools,
        jsonSchema: info.capabilities.json_schema,
        reasoning: info.capabilities.reasoning,
        streaming: info.capabilities.streaming,
        ...(info.capabilities.pdf && { pdf: true }),
        ...(info.capabilities.audio && { audio: true }),
      },
    })),
    rows: rows.map((row) => ({
      provider: row.provider,
      model: row.model,
      class: row.class,
      validFrom: row.valid_from,
      fromInputTokens: row.from_input_tokens,
      picoUsdPerUnit: BigInt(row.pico_usd_per_unit),
    })),
  };
}
