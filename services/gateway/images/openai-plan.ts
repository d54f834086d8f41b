/** The plan of OpenAI's image requests, which name sizes and qualities in the model's own terms. */
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ImageGenerationRequest } from '#libs/contracts/image-generations.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { type DrawingModel, planImage } from '#libs/pipelines/image.ts';
import { type ImageFormat, imageFormatOf, providerQuality, sizeName } from '#libs/pipelines/image-formats.ts';
import { plansOfFallbacks } from '#libs/pipelines/text-call.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import { type PricedModel, textModel } from '../prices/domain.ts';
import { PLAIN_SIZE } from './openai-request.ts';
import { cheaperImages, drawsPreviews } from './plan.ts';

type Wanted = Pick<ImageGenerationRequest, 'size' | 'quality'>;

/** @throws ProblemError `unsupported_parameter`, `quality_not_in_plan` */
export function planOpenAiImages(check: EntitlementCheck<ImageRequest>, wanted: Wanted): CallPlan {
  const { body, fallbacks = {} } = check;
  const drawing = (model: PricedModel) => drawingModel(check, wanted, model);
  return planImage({
    request: body,
    image: drawing(requiredModel(check, 'image')),
    fallbacks: plansOfFallbacks(fallbacks.image ?? [], drawing),
    size: null,
    quality: null,
    qualities: [],
    altText: null,
  });
}

/** As {@link cheaperImages}, by models that draw what is wanted. */
export function cheaperOpenAiImages(check: EntitlementCheck<ImageRequest>, wanted: Wanted) {
  return cheaperImages(check, (model) => {
    const [drawing] = plansOfFallbacks([model], (one) => drawingModel(check, wanted, one));
    return drawing !== undefined && drawsPreviews(check.body, model.info);
  });
}

function drawingModel(
  check: EntitlementCheck<ImageRequest>,
  wanted: Wanted,
  model: PricedModel,
): DrawingModel {
  const { info } = model;
  const format = imageFormatOf(info.upstreamModel);
  const size = sizeOf(check.body, wanted, info, format);
  return { ...textModel(model), asked: { size, quality: qualityOf(check, wanted, info, format) } };
}

/** Null if the model decides. A custom size that the plan lacks has been left out of the request. */
function sizeOf(
  { custom_options: custom }: ImageRequest,
  { size }: Wanted,
  info: ModelInfo,
  { sizes }: ImageFormat,
): string | null {
  const name = custom ? sizeName(custom) : size === PLAIN_SIZE ? size : null;
  if (name === null || sizes.includes(name)) return name;
  const square = name === PLAIN_SIZE && sizes.includes('1:1');
  return square ? '1:1' : refuse('size', info, sizes);
}

/** The best quality of the plan unless one is named; null if the model decides. */
function qualityOf(
  { entitlements: { qualities, plan } }: EntitlementCheck<ImageRequest>,
  { quality }: Wanted,
  info: ModelInfo,
  format: ImageFormat,
): string | null {
  const best = providerQuality(format, qualities.allowed.at(-1) ?? null, qualities.ladder);
  if (!quality || quality === 'auto') return best;
  const position = format.qualities.indexOf(quality);
  if (position === -1) return refuse('quality', info, format.qualities);
  if (best === null || position <= format.qualities.indexOf(best)) return quality;
  throw problem('quality_not_in_plan', {
    fields: {
      reason: 'quality_restricted',
      param: 'quality',
      quality,
      available_qualities: format.qualities.slice(0, format.qualities.indexOf(best) + 1),
      plan: plan.key,
    },
  });
}

function refuse(param: 'size' | 'quality', { model }: ModelInfo, available: readonly string[]): never {
  const kind = param === 'size' ? 'sizes' : 'qualities';
  throw problem('unsupported_parameter', {
    detail:
      available.length === 0
        ? `The model ${model} chooses the ${param} itself.`
        : `The model ${model} has the ${kind} ${available.join(', ')}.`,
    fields: { param, model, [`available_${kind}`]: available },
  });
}
