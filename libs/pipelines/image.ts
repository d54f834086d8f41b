/**
 * Images for a prompt: the provider calls, their bounds and their prompts. The gateway plans with this module and
 * generation runs the plan with it.
 */
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';
import {
  type DescribingModel,
  planAltText,
  planStyle,
  STYLE_BYTES,
  stylePrompt,
} from './image-descriptions.ts';
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
import type { TextModel } from './text-call.ts';

export const IMAGE_STEP = 'image';

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
  /** The model that describes what was drawn; null for no description. */
  altText: DescribingModel | null;
  /** The model that describes the style of another image. */
  style?: DescribingModel | null;
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
  const { request, image, size, quality, qualities, altText, style = null } = input;
  const format = imageFormatOf(image.model.upstreamModel);
  const asked = input.asked ?? {
    size: size === null ? null : nearestSize(format, size),
    quality: providerQuality(format, quality, qualities),
  };
  const partials = partialsOf(request, image.model, format);
  const imagesPerCall = partials > 0 ? 1 : format.imagesPerCall;
  const calls: PlannedCall[] = [];
  for (let left = request.count; left > 0; left -= imagesPerCall) {
    const images = Math.min(left, imagesPerCall);
    calls.push(
      planImageCall(image, {
        request,
        format,
        index: calls.length,
        images,
        asked,
        partials,
        hasStyle: style !== null,
      }),
    );
  }
  if (altText !== null) calls.push(planAltText(altText, request, calls.length));
  if (style !== null) calls.push(planStyle(style, calls.length));
  return { kind: 'image', calls };
}

type AskedImage = { size: string | null; quality: string | null };

/** @throws ProblemError `unsupported_parameter` for previews of a model that streams none. */
function partialsOf(
  { stream, partial_images: partials = 0 }: ImageRequest,
  { model }: ModelInfo,
  { unitsPerPartial }: ImageFormat,
): number {
  if (!stream || partials === 0) return 0;
  if (unitsPerPartial !== undefined) return partials;
  throw problem('unsupported_parameter', {
    detail: `The model ${model} streams no previews.`,
    fields: { param: 'partial_images', model },
  });
}

/** The most that images can be billed by. Units count only where the price names them: older prices are for every image. */
export function imageUnits(
  price: ModelPriceWire,
  format: ImageFormat,
  images: number,
  { size, quality }: AskedImage,
  partials = 0,
): Record<string, number> {
  if (!hasPrice(price, 'image_unit')) return { image: images };
  const previews = (format.unitsPerPartial ?? 0) * partials;
  return { image: images, image_unit: (maxImageUnits(format, size, quality) + previews) * images };
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
    partials,
    hasStyle,
  }: {
    request: ImageRequest;
    format: ImageFormat;
    index: number;
    images: number;
    asked: AskedImage;
    partials: number;
    hasStyle: boolean;
  },
): PlannedCall {
  const prompt = [{ role: 'user' as const, content: imagePrompt(request) }];
  return {
    index,
    step: IMAGE_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: hasPrice(price, 'input') ? (bytesBound(prompt) + (hasStyle ? STYLE_BYTES : 0)) * images : 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: imageUnits(price, format, images, asked, partials),
    counts: {},
    price,
    image: { ...asked, ...(partials > 0 && { partials }) },
  };
}

/** The prompt for the image model. @param style as a model described it; empty without one. */
export function imagePrompt(request: ImageRequest, style = ''): string {
  const { prompt, content_context: context, industry_context: industry, tone, platform } = request;
  return [
    prompt,
    context && `It accompanies this content: ${context}`,
    industry && `Industry: ${industry}.`,
    tone && `Tone: ${tone}.`,
    stylePrompt(style),
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
