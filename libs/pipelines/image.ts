/**
 * Images for a prompt: the provider calls, their bounds and their prompts. The gateway plans with this module and
 * generation runs the plan with it.
 */
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
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
} from './image-formats.ts';
import { platformStyle } from './image-platforms.ts';
import { bytesBound } from './prompt-bound.ts';
import type { TextModel } from './text-call.ts';

export const IMAGE_STEP = 'image';

export type ImageSettings = {
  /** The size of the request, its preset or its platform; null if the model decides. */
  size: Size | null;
  /** A quality of the plan, and its ladder. */
  quality: string | null;
  qualities: readonly string[];
};

/** Size and quality in a model's own terms; null if it decides. */
export type AskedImage = { readonly size: string | null; readonly quality: string | null };

/** A model that draws. */
export type DrawingModel = TextModel & {
  /** Replaces size and quality of the settings. */
  readonly asked?: AskedImage;
};

export type ImagePlanInput = ImageSettings & {
  /** As degraded to what the plan includes. */
  request: ImageRequest;
  image: DrawingModel;
  /** The models that draw if the first fails, in this order. Those that would draw something else are left out. */
  fallbacks?: readonly DrawingModel[];
  /** The model that describes what was drawn; null for no description. */
  altText: DescribingModel | null;
  /** The model that describes the style of another image, for models that take no images. */
  style?: DescribingModel | null;
};

/** How a model draws a request. */
type Drawing = TextModel & {
  readonly format: ImageFormat;
  readonly asked: AskedImage;
  readonly partials: number;
  readonly imagesPerCall: number;
  /** It sees the style image itself. */
  readonly sendsStyle: boolean;
};

/**
 * Every call of a request, with true upper bounds.
 * @throws ProblemError `prompt_too_large` if the description's prompt does not fit into the context window of its model;
 * `unsupported_parameter` for previews of a model that streams none.
 */
export function planImage(input: ImagePlanInput): CallPlan {
  const { request, image, fallbacks = [], altText, style = null } = input;
  const first = drawingBy(image, input);
  if (first.partials < wantedPartials(request)) {
    const { model } = image.model;
    throw problem('unsupported_parameter', {
      detail: `The model ${model} streams no previews.`,
      fields: { param: 'partial_images', model },
    });
  }
  const others = fallbacks
    .map((model) => drawingBy(model, input))
    .filter((other) => canReplace(first, other, request));
  const calls: PlannedCall[] = [];
  for (let left = request.count; left > 0; left -= first.imagesPerCall) {
    const position = { index: calls.length, images: Math.min(left, first.imagesPerCall) };
    const call = planDrawing(first, request, position);
    const spares = others.map((other) => planDrawing(other, request, position));
    calls.push(spares.length === 0 ? call : { ...call, fallbacks: spares });
  }
  if (altText !== null) calls.push(planAltText(altText, request, calls.length));
  if (style !== null && !first.sendsStyle) calls.push(planStyle(style, calls.length));
  return { kind: 'image', calls };
}

function drawingBy(
  { asked, ...target }: DrawingModel,
  { request, size, quality, qualities }: ImagePlanInput,
): Drawing {
  const format = imageFormatOf(target.model.upstreamModel);
  const partials = format.unitsPerPartial === undefined ? 0 : wantedPartials(request);
  return {
    ...target,
    format,
    asked: asked ?? {
      size: size === null ? null : nearestSize(format, size),
      quality: providerQuality(format, quality, qualities),
    },
    partials,
    imagesPerCall: wantedPartials(request) > 0 ? 1 : format.imagesPerCall,
    sendsStyle:
      Boolean(request.style_image) &&
      format.unitsPerInputImage !== undefined &&
      hasPrice(target.price, 'image_input'),
  };
}

function wantedPartials({ stream, partial_images: partials = 0 }: ImageRequest): number {
  return stream ? partials : 0;
}

/** Whether a model draws what another one was asked for, in the same calls. A fallback may lack previews. */
function canReplace(first: Drawing, other: Drawing, { count, quality }: ImageRequest): boolean {
  const drawsAll = other.imagesPerCall >= Math.min(first.imagesPerCall, count);
  const hasQuality = !quality || first.asked.quality === null || other.asked.quality !== null;
  return drawsAll && hasQuality && other.sendsStyle === first.sendsStyle;
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

function planDrawing(
  { model, price, format, asked, partials, sendsStyle }: Drawing,
  request: ImageRequest,
  { index, images }: { index: number; images: number },
): PlannedCall {
  const prompt = [{ role: 'user' as const, content: imagePrompt(request) }];
  const promptTokens = bytesBound(prompt) + (request.style_image ? STYLE_BYTES : 0);
  return {
    index,
    step: IMAGE_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: hasPrice(price, 'input') ? promptTokens * images : 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: {
      ...imageUnits(price, format, images, asked, partials),
      ...(sendsStyle && { image_input: (format.unitsPerInputImage ?? 0) * images }),
    },
    counts: {},
    price,
    image: { ...asked, ...(partials > 0 && { partials }), ...(sendsStyle && { sendsStyle }) },
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
    request.enable_post_processing && `Finish it ${platformStyle(platform)}.`,
  ]
    .filter(Boolean)
    .join('\n');
}

/** The adaptations of an image to its platform. */
export function finishingOf(request: ImageRequest, { image }: PlannedCall): string[] {
  if (!request.enable_post_processing) return [];
  return ['platform_style', ...(image?.size && !request.custom_options ? ['platform_size'] : [])];
}
