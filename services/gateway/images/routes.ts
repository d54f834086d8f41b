import type { FastifyInstance } from 'fastify';
import { generateImages, type ImageRequest } from '#libs/contracts/images.ts';
import { planImage, sizeForPlatform } from '#libs/pipelines/image.ts';
import { imageFormatOf, type Size, sizeName } from '#libs/pipelines/image-formats.ts';
import type { TextModel } from '#libs/pipelines/text-call.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { EntitlementCheck } from '../entitlements/check-entitlements.ts';
import { presetNamed } from '../entitlements/evaluate-requirements.ts';
import type { Planner } from '../metering/admit.ts';
import type { MeteredRouteDependencies } from '../metering/pipeline.ts';
import type { PricedModel } from '../metering/price-book.ts';

/** `POST /api/images/generate`: one provider call or several that draw, and one that describes what was drawn. */
export function registerImages(app: FastifyInstance, { meter, callerOf }: MeteredRouteDependencies): void {
  serveOperation(app, generateImages, async (request, reply) => {
    await meter(request, reply, callerOf(request), {
      needs: generateImages.needs,
      paced: { generation: true, stream: false },
      body: request.body,
      describe(granted) {
        const image = granted.model('image');
        const { size, quality } = lookOf(granted, image.info);
        const { qualities } = granted.entitlements;
        return {
          planner: wholePlan(() =>
            planImage({
              request: granted.body,
              image: textModel(image),
              size,
              quality,
              qualities: qualities.ladder,
              altText: granted.body.generate_alt_text ? altTextModel(granted) : null,
            }),
          ),
          shown: { meter: 'images', modelUsed: image.info.model, qualityUsed: quality },
        };
      },
    });
    return reply;
  });
}

/** A plan that is what it is: there is nothing to count, and no smaller version of it. */
function wholePlan(plan: Planner['plan']): Planner {
  return { canCount: false, fitBudget: false, smallestScale: () => 1, plan };
}

const textModel = ({ info, wire }: PricedModel): TextModel => ({ model: info, price: wire });

/** @throws ProblemError `model_not_in_plan` for a plan that has no text model to write with. */
function altTextModel({ entitlements, model }: EntitlementCheck<ImageRequest>) {
  return { ...textModel(model('text')), outputTokensCap: entitlements.outputTokensCap.value };
}

type Look = { size: Size | null; quality: string | null };

/**
 * The quality and size of a request: those of its preset or of the plan's best, with the shape that suits the platform
 * where it is to be finished for it, or the size that the client chose.
 */
function lookOf({ body, catalogue, entitlements }: EntitlementCheck<ImageRequest>, model: ModelInfo): Look {
  const { allowed, ladder } = entitlements.qualities;
  const presets = Object.values(catalogue?.qualityPresets ?? {}).filter(
    ({ quality }) => ladder.length === 0 || allowed.includes(quality),
  );
  const best = presets.find(({ quality }) => quality === allowed.at(-1)) ?? null;
  const preset = typeof body.quality_preset === 'string' ? presetNamed(catalogue, body.quality_preset) : best;
  const quality = preset?.quality ?? null;
  if (body.custom_options) return { size: drawable(body.custom_options, model), quality };
  const size = body.enable_post_processing ? sizeForPlatform(body.platform, presets) : preset;
  return { size, quality };
}

/** @throws ProblemError `unsupported_parameter` for a size that the model does not draw: it would draw another. */
function drawable(size: Size, { model, upstreamModel }: ModelInfo): Size {
  const { sizes } = imageFormatOf(upstreamModel);
  if (sizes.includes(sizeName(size))) return size;
  throw problem('unsupported_parameter', {
    detail:
      sizes.length === 0
        ? `The model ${model} decides about the size by itself.`
        : `The model ${model} does not draw this size.`,
    fields: { param: 'custom_options', model, available_sizes: sizes },
  });
}
