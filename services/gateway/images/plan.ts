/** The plan of images: calls that draw, and one that describes what was drawn. */

import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { planImage, sizeForPlatform } from '#libs/pipelines/image.ts';
import { imageFormatOf, type Size, sizeName } from '#libs/pipelines/image-formats.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import { presetNamed } from '../entitlements/domain/evaluate-requirements.ts';

/** @throws ProblemError `unsupported_parameter` for a size that the model does not draw. */
export function planImages(check: EntitlementCheck<ImageRequest>): CallPlan {
  const { body, entitlements, models } = check;
  const image = requiredModel(check, 'image');
  const { size, quality } = imageSettings(check, image.info);
  const describing = models.text
    ? {
        model: models.text.info,
        price: models.text.wire,
        outputTokensCap: entitlements.outputTokensCap.value,
      }
    : null;
  return planImage({
    request: body,
    image: { model: image.info, price: image.wire },
    size,
    quality,
    qualities: entitlements.qualities.ladder,
    altText: body.generate_alt_text ? describing : null,
    style: body.style_image ? describing : null,
  });
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
  if (body.custom_options) return { size: supportedSize(body.custom_options, model), quality };
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

function supportedSize(size: Size, { model, upstreamModel }: ModelInfo): Size {
  const { sizes } = imageFormatOf(upstreamModel);
  if (sizes.includes(sizeName(size))) return size;
  throw problem('unsupported_parameter', {
    detail:
      sizes.length === 0
        ? `The model ${model} chooses the size itself.`
        : `The model ${model} does not draw this size.`,
    fields: { param: 'custom_options', model, available_sizes: sizes },
  });
}
