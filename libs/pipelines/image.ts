/**
 * Images for a prompt: the provider calls, their bounds and their prompts. The gateway plans with this module and
 * generation runs the plan with it.
 */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { cutToByteBound } from './byte-bound.ts';
import {
  type ImageFormat,
  imageFormatOf,
  maxImageUnits,
  nearestSize,
  providerQuality,
  type Size,
  shapeDistance,
} from './image-formats.ts';
import { bytesBound } from './prompt-bound.ts';
import { planTextCall, type TextModel, textTokens } from './text-call.ts';
import { fenceUntrusted, systemPrompt } from './untrusted.ts';

export const IMAGE_STEP = 'image';
export const ALT_TEXT_STEP = 'alt_text';

/** Screen readers truncate descriptions at about 125 characters; this suffices in every language. */
const ALT_TEXT_TOKENS = 120;
/** Bytes of the provider's revised prompt that the description's prompt includes. */
const DRAWN_BYTES = 1_500;

/** The shape and style of images on each platform. */
const PLATFORMS: Readonly<Record<ImageRequest['platform'], { shape: Size; pixels: Size; style: string }>> = {
  twitter: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1600, height: 900 },
    style: 'bold and legible as a small preview in a feed on X',
  },
  instagram: {
    shape: { width: 1, height: 1 },
    pixels: { width: 1080, height: 1080 },
    style: 'polished, vivid and square-framed for Instagram',
  },
  facebook: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1200, height: 630 },
    style: 'warm and inviting for a Facebook feed',
  },
  linkedin: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1200, height: 627 },
    style: 'clean and professional for a LinkedIn feed',
  },
  tiktok: {
    shape: { width: 9, height: 16 },
    pixels: { width: 1080, height: 1920 },
    style: 'high-contrast and energetic, full-screen on TikTok',
  },
  youtube: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1280, height: 720 },
    style: 'striking as a YouTube thumbnail, with one clear subject',
  },
  pinterest: {
    shape: { width: 2, height: 3 },
    pixels: { width: 1000, height: 1500 },
    style: 'tall, airy and inspiring for a Pinterest board',
  },
};

/** The size at which a platform shows images. */
export function platformPixels(platform: ImageRequest['platform']): Size {
  return PLATFORMS[platform].pixels;
}

export type ImageSettings = {
  /** The size of the request, its preset or its platform; null if the model decides. */
  size: Size | null;
  /** A quality of the plan, and its ladder. */
  quality: string | null;
  qualities: readonly string[];
  /** Size and quality in the model's own terms, instead. */
  asked?: AskedImage;
};

export type ImagePlanInput = ImageSettings & {
  /** As degraded to what the plan includes. */
  request: ImageRequest;
  image: TextModel;
  /** The model that writes descriptions, with the plan's cap for one call; null for none. */
  altText: (TextModel & { outputTokensCap: number | null }) | null;
};

/** The given size whose shape is nearest to the platform's; without any, the platform's shape itself. */
export function sizeForPlatform(platform: ImageRequest['platform'], sizes: readonly Size[]): Size {
  const { shape } = PLATFORMS[platform];
  const ranked = sizes.toSorted((one, other) => shapeDistance(one, shape) - shapeDistance(other, shape));
  return ranked[0] ?? shape;
}

/**
 * Every call of a request, with true upper bounds.
 * @throws ProblemError `prompt_too_large` if the description's prompt does not fit into the context window of its model.
 */
export function planImage(input: ImagePlanInput): CallPlan {
  const { request, image, size, quality, qualities, altText } = input;
  const format = imageFormatOf(image.model.upstreamModel);
  const asked = input.asked ?? {
    size: size === null ? null : nearestSize(format, size),
    quality: providerQuality(format, quality, qualities),
  };
  const calls: PlannedCall[] = [];
  for (let left = request.count; left > 0; left -= format.imagesPerCall) {
    const images = Math.min(left, format.imagesPerCall);
    calls.push(planImageCall(image, { request, format, index: calls.length, images, asked }));
  }
  if (altText !== null) {
    const outputTokens = Math.min(
      textTokens(altText.model, ALT_TEXT_TOKENS),
      altText.outputTokensCap ?? Number.POSITIVE_INFINITY,
      altText.model.maxOutputTokens,
    );
    // A model that sees reads a preview of the image; the others read its prompt.
    const promptTokens =
      bytesBound(altTextMessages(request, '')) + DRAWN_BYTES + altText.model.maxImageInputTokens;
    const step = { index: calls.length, step: ALT_TEXT_STEP, counts: {} };
    const call = planTextCall(altText, step, { promptTokens, carriedTokens: 0, outputTokens });
    calls.push({ ...call, seesImage: altText.model.capabilities.vision });
  }
  return { kind: 'image', calls };
}

type AskedImage = { size: string | null; quality: string | null };

/** The most that images can be billed by. Units count only where the price names them: older prices are for every image. */
export function imageUnits(
  price: ModelPriceWire,
  format: ImageFormat,
  images: number,
  { size, quality }: AskedImage,
): Record<string, number> {
  if (!hasPrice(price, 'image_unit')) return { image: images };
  return { image: images, image_unit: maxImageUnits(format, size, quality) * images };
}

function hasPrice({ tiers }: ModelPriceWire, unitClass: UnitClass): boolean {
  return tiers.some(({ pico_usd_per_unit: prices }) => prices[unitClass] !== undefined);
}

function planImageCall(
  { model, price }: TextModel,
  {
    request,
    format,
    index,
    images,
    asked,
  }: {
    request: ImageRequest;
    format: ImageFormat;
    index: number;
    images: number;
    asked: AskedImage;
  },
): PlannedCall {
  const prompt = [{ role: 'user' as const, content: imagePrompt(request) }];
  return {
    index,
    step: IMAGE_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: hasPrice(price, 'input') ? bytesBound(prompt) * images : 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: imageUnits(price, format, images, asked),
    counts: {},
    price,
    image: asked,
  };
}

/** The prompt for the image model. */
export function imagePrompt(request: ImageRequest): string {
  const { prompt, content_context: context, industry_context: industry, tone, platform } = request;
  return [
    prompt,
    context && `It accompanies this content: ${context}`,
    industry && `Industry: ${industry}.`,
    tone && `Tone: ${tone}.`,
    request.enable_post_processing && `Finish it ${PLATFORMS[platform].style}.`,
  ]
    .filter(Boolean)
    .join('\n');
}

/** The adaptations of an image to its platform. */
export function finishingOf(request: ImageRequest, { image }: PlannedCall): string[] {
  if (!request.enable_post_processing) return [];
  return ['platform_style', ...(image?.size && !request.custom_options ? ['platform_size'] : [])];
}

/**
 * @param drawn the provider's revised prompt; empty if it reports none.
 * @param preview the image as a data URL, for a model that sees; null for a description of what the prompt asks for.
 */
export function altTextMessages(
  request: ImageRequest,
  drawn: string,
  preview: string | null = null,
): ChatMessage[] {
  const asked = `${fenceUntrusted('image prompt', `${request.prompt}\n${cutToByteBound(drawn, DRAWN_BYTES)}`)}`;
  const task =
    preview === null
      ? `Describe the image drawn for this prompt: ${asked}`
      : `Describe this image, in the language of the prompt that it was drawn for: ${asked}`;
  return [
    {
      role: 'system',
      content: systemPrompt(
        'You write alternative texts of images for people who cannot see them: one sentence of at most 125 ' +
          'characters, concrete, without “image of”. You answer with the sentence and nothing else.',
      ),
    },
    {
      role: 'user',
      content:
        preview === null
          ? task
          : [
              { type: 'text', text: task },
              { type: 'image_url', image_url: { url: preview, detail: 'low' } },
            ],
    },
  ];
}
