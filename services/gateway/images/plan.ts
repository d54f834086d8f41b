/** The plan of images: calls that draw, and one that describes what was drawn. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { planImage } from '#libs/pipelines/image.ts';
import { imageFormatOf, type Size, sizeName } from '#libs/pipelines/image-formats.ts';
import { sizeForPlatform } from '#libs/pipelines/image-platforms.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import { presetNamed } from '../entitlements/domain/evaluate-requirements.ts';
import { type PricedModel, textModel } from '../prices/domain.ts';

/** @throws ProblemError `unsupported_parameter` for a size that the model does not draw. */
export function planImages(check: EntitlementCheck<ImageRequest>): CallPlan {
  const { body, entitlements, models, fallbacks = {} } = check;
  const image = requiredModel(check, 'image');
  const { size, quality } = imageSettings(check, image.info);
  const describing = models.text
    ? {
        ...textModel(models.text),
        fallbacks: fallbacks.text?.map(textModel) ?? [],
        outputTokensCap: entitlements.outputTokensCap.value,
      }
    : null;
  return planImage({
    request: body,
    image: textModel(image),
    fallbacks: (fallbacks.image ?? []).filter(({ info }) => drawsSize(body, info)).map(textModel),
    size,
    quality,
    qualities: entitlements.qualities.ladder,
    altText: body.generate_alt_text ? describing : null,
    style: body.style_image ? describing : null,
  });
}

/**
 * The same images for less, the nearest first: without the reserve for fallbacks, then by the models below. A model that the
 * client named stays.
 */
export function cheaperImages(
  check: EntitlementCheck<ImageRequest>,
  canDraw = ({ info }: PricedModel) =>
    drawsSize(check.body, info) && drawsQuality(check.body, info) && drawsPreviews(check.body, info),
): EntitlementCheck<ImageRequest>[] {
  const { cheaper = [], fallbacks, ...alone } = check;
  if (cheaper.length === 0 && fallbacks === undefined) return [];
  return [requiredModel(check, 'image'), ...cheaper.filter(canDraw)].map((image) => ({
    ...alone,
    models: { ...check.models, image },
  }));
}

function drawsSize({ custom_options: size }: ImageRequest, { upstreamModel }: ModelInfo): boolean {
  return !size || imageFormatOf(upstreamModel).sizes.includes(sizeName(size));
}

/** A named quality needs a model that has qualities. */
function drawsQuality({ quality }: ImageRequest, { upstreamModel }: ModelInfo): boolean {
  return !quality || imageFormatOf(upstreamModel).qualities.length > 0;
}

export function drawsPreviews(
  { stream, partial_images: partials = 0 }: ImageRequest,
  { upstreamModel }: ModelInfo,
): boolean {
  return !stream || partials === 0 || imageFormatOf(upstreamModel).unitsPerPartial !== undefined;
}

type ImageSettings = { size: Size | null; quality: string | null };

/**
 * The quality is the one requested, else that of the preset, else the best of the plan. The size is the one requested, else the one that suits the
 * platform if the image is finished for it, else that of the preset.
 */
export function imageSettings(
  { body, catalogue, entitlements }: EntitlementCheck<ImageRequest>,
  model: ModelInfo,
): ImageSettings {
  const { allowed, ladder } = entitlements.qualities;
  const presets = Object.values(catalogue?.qualityPresets ?? {}).filter(
    ({ quality }) => ladder.length === 0 || allowed.includes(quality),
  );
  const best = presets.find(({ quality }) => quality === allowed.at(-1)) ?? null;
  const preset = typeof body.quality_preset === 'string' ? presetNamed(catalogue, body.quality_preset) : best;
  const quality = body.quality ? qualityNamed(body.quality, entitlements) : (preset?.quality ?? null);
  if (!drawsSize(body, model)) throw sizeRefused(model);
  if (body.custom_options) return { size: body.custom_options, quality };
  const size = body.enable_post_processing ? sizeForPlatform(body.platform, presets) : preset;
  return { size, quality };
}

/** @throws ProblemError `invalid_request` for an unknown quality, `quality_not_in_plan` for one that the plan lacks. */
function qualityNamed(name: string, { qualities, plan }: Entitlements): string {
  const { ladder, allowed } = qualities;
  if (!ladder.includes(name)) {
    throw problem('invalid_request', {
      detail: `Unknown quality. Known are: ${ladder.join(', ') || 'none'}.`,
      fields: { param: 'quality' },
    });
  }
  if (allowed.includes(name)) return name;
  throw problem('quality_not_in_plan', {
    fields: {
      reason: 'quality_restricted',
      param: 'quality',
      plan: plan.key,
      quality: name,
      available_qualities: allowed,
    },
  });
}

function sizeRefused({ model, upstreamModel }: ModelInfo): ProblemError {
  const { sizes } = imageFormatOf(upstreamModel);
  return problem('unsupported_parameter', {
    detail:
      sizes.length === 0
        ? `The model ${model} chooses the size itself.`
        : `The model ${model} does not draw this size.`,
    fields: { param: 'custom_options', model, available_sizes: sizes },
  });
}
