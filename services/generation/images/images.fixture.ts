/** Requests for images with their plans, sent to generation as the gateway sends them. */
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import { planImage } from '#libs/pipelines/image.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { request } from '#libs/testing/http.ts';
import { createTestGeneration, imagePriceOf, priceOf } from '../fixtures.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
export type Answer = any;

export function modelOf(provider: string, model: string, more: Partial<ModelInfo>): ModelInfo {
  return {
    provider,
    model,
    aliases: [],
    upstreamModel: model,
    kind: 'text',
    contextWindow: 128_000,
    maxOutputTokens: 8_192,
    maxImageInputTokens: 0,
    tokenizer: null,
    capabilities: { vision: false, tools: false, jsonSchema: false, reasoning: false, streaming: true },
    ...more,
  };
}

/** A model that draws one image a call, for 4 cents. */
export const DALLE = {
  model: modelOf('openai', 'dalle3', { kind: 'image', upstreamModel: 'dall-e-3' }),
  price: imagePriceOf('openai', 'dalle3'),
};
export const IMAGE_NANO_USD = 40_000_000n;

/** By {@link DALLE}, described by `describedBy`. */
export function planFor(body: ImageRequest, describedBy = 'openai'): CallPlan {
  const text = { model: modelOf(describedBy, 'gpt-4o', {}), price: priceOf(describedBy, 'gpt-4o') };
  return planImage({
    request: body,
    image: DALLE,
    size: { width: 1024, height: 1536 },
    quality: 'premium',
    qualities: ['draft', 'standard', 'premium'],
    altText: body.generate_alt_text ? { ...text, outputTokensCap: null } : null,
  });
}

export const wish = (more: object = {}) => imageRequest.parse({ prompt: 'A fountain pen', ...more });

export async function createImageTests(t: TestScope) {
  const generation = await createTestGeneration(t, { DRAIN_TIMEOUT: '100ms' });

  async function draw(body: ImageRequest, plan = planFor(body), options: { storeResponse?: boolean } = {}) {
    const { requestId, headers } = await generation.admit(plan, options);
    const answer = await request<Answer>(generation.workUrl, { headers, body });
    return { requestId, ...answer, rows: await generation.rows(requestId) };
  }
  return { generation, draw };
}
