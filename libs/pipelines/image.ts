/**
 * Pictures for a prompt: which provider calls that takes, what each may cost at most, and what it says. The gateway
 * prices the plan and generation runs it, both through this module.
 */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/work.ts';
import { cutToBytes } from './content.ts';
import { imageFormatOf, nearestSize, providerQuality, type Size, shapeDistance } from './image-formats.ts';
import { bytesBound } from './prompt-bound.ts';
import { planTextCall, type TextModel, textTokens } from './text-call.ts';

export const IMAGE_STEP = 'image';
export const ALT_TEXT_STEP = 'alt_text';

/** Screen readers cut descriptions off at about 125 characters; this is room to spare in any language. */
const ALT_TEXT_TOKENS = 120;
/** Of a provider's own wording of the prompt, as much goes into the description's prompt. */
const DRAWN_BYTES = 1_500;

/** How each platform shows images, and what it is used to. */
const PLATFORMS: Readonly<Record<ImageRequest['platform'], { shape: Size; style: string }>> = {
  twitter: { shape: { width: 16, height: 9 }, style: 'bold and legible as a small preview in a feed on X' },
  instagram: { shape: { width: 1, height: 1 }, style: 'polished, vivid and square-framed for Instagram' },
  facebook: { shape: { width: 16, height: 9 }, style: 'warm and inviting for a Facebook feed' },
  linkedin: { shape: { width: 16, height: 9 }, style: 'clean and professional for a LinkedIn feed' },
  tiktok: { shape: { width: 9, height: 16 }, style: 'high-contrast and energetic, full-screen on TikTok' },
  youtube: {
    shape: { width: 16, height: 9 },
    style: 'striking as a YouTube thumbnail, with one clear subject',
  },
  pinterest: { shape: { width: 2, height: 3 }, style: 'tall, airy and inspiring for a Pinterest board' },
};

export type ImageSettings = {
  /** The size wanted by the request, its preset or its platform; null leaves it to the model. */
  size: Size | null;
  /** A quality of the plan, and the ladder it is on. */
  quality: string | null;
  qualities: readonly string[];
};

export type ImagePlanInput = ImageSettings & {
  /** With what the plan does not include taken out. */
  request: ImageRequest;
  image: TextModel;
  /** Writes descriptions, where they are wanted; with the plan's cap for one call. */
  altText: (TextModel & { outputTokensCap: number | null }) | null;
};

/** Of the sizes given, the one shaped most like what the platform shows; without any, that shape itself. */
export function sizeForPlatform(platform: ImageRequest['platform'], sizes: readonly Size[]): Size {
  const { shape } = PLATFORMS[platform];
  const ranked = sizes.toSorted((one, other) => shapeDistance(one, shape) - shapeDistance(other, shape));
  return ranked[0] ?? shape;
}

/** Every call of a request, with true upper bounds. */
export function planImage(input: ImagePlanInput): CallPlan {
  const { request, image, size, quality, qualities, altText } = input;
  const format = imageFormatOf(image.model.upstreamModel);
  const asked = {
    size: size === null ? null : nearestSize(format, size),
    quality: providerQuality(format, quality, qualities),
  };
  const calls: PlannedCall[] = [];
  for (let left = request.count; left > 0; left -= format.imagesPerCall) {
    calls.push(planPicture(image, calls.length, Math.min(left, format.imagesPerCall), asked));
  }
  if (altText !== null) {
    const outputTokens = Math.min(
      textTokens(altText.model, ALT_TEXT_TOKENS),
      altText.outputTokensCap ?? Number.POSITIVE_INFINITY,
      altText.model.maxOutputTokens,
    );
    const inputTokens = bytesBound(altTextMessages(request, '')) + DRAWN_BYTES;
    const step = { index: calls.length, step: ALT_TEXT_STEP, counts: {} };
    calls.push(planTextCall(altText, step, { inputTokens, outputTokens }));
  }
  return { kind: 'image', calls };
}

function planPicture(
  { model, price }: TextModel,
  index: number,
  images: number,
  asked: { size: string | null; quality: string | null },
): PlannedCall {
  return {
    index,
    step: IMAGE_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: { image: images },
    counts: {},
    price,
    image: asked,
  };
}

/** What the image model is told. */
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

/** What was done to finish a picture for its platform. */
export function finishingOf(request: ImageRequest, { image }: PlannedCall): string[] {
  if (!request.enable_post_processing) return [];
  return ['platform_style', ...(image?.size && !request.custom_options ? ['platform_size'] : [])];
}

/** @param drawn what the provider says it drew, where it says so. */
export function altTextMessages(request: ImageRequest, drawn: string): ChatMessage[] {
  return [
    {
      role: 'system',
      content:
        'You write alternative texts of images for people who cannot see them: one sentence of at most 125 ' +
        'characters, concrete, without “image of”. You answer with the sentence and nothing else.',
    },
    {
      role: 'user',
      content: `Describe the image drawn for this prompt: ${request.prompt}\n${cutToBytes(drawn, DRAWN_BYTES)}`,
    },
  ];
}
