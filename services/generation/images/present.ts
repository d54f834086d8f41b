import type { ImageRequest } from '#libs/contracts/images.ts';
import { finishingOf } from '#libs/pipelines/image.ts';
import type { Figures } from '../calls/domain/run-call.ts';
import { presentFigures } from '../requests/domain/figures.ts';
import type { GenerationRequest } from '../requests/domain/generation-request.ts';
import type { FinishedImage } from './domain/finish-image.ts';
import type { Drawing } from './run-image.ts';

function presentImage(
  { response_format: format }: ImageRequest,
  { base64, url, mediaType, width, height }: FinishedImage,
  altText: string | null,
) {
  return {
    // A stored image is not sent twice.
    b64_json: format === 'url' && url !== null ? null : base64,
    url,
    alt_text: altText,
    media_type: mediaType,
    width,
    height,
  };
}

/** An image of a stream, before it is described. */
export function presentImageEvent(request: ImageRequest, index: number, image: FinishedImage) {
  return { index, ...presentImage(request, image, null) };
}

/** @param wereSent the images were sent as events before. */
export function presentDrawing(
  request: ImageRequest,
  { planContext }: GenerationRequest,
  { images, calls, altText, incomplete }: Drawing,
  figures: Figures & { state?: string },
  wereSent = false,
) {
  const [picture] = calls;
  return {
    status: 'success',
    images: images.map((image) => ({
      ...presentImage(request, image, altText),
      ...(wereSent && { b64_json: null }),
    })),
    size: picture?.image?.size ?? null,
    quality: planContext?.plan_info.quality_used ?? null,
    post_processing: [
      ...(picture === undefined ? [] : finishingOf(request, picture)),
      ...new Set(images.flatMap(({ applied }) => applied)),
    ],
    incomplete,
    usage: presentFigures(figures),
    ...(planContext && {
      ...planContext,
      plan_info: { ...planContext.plan_info, model_used: modelsOf(calls) },
    }),
  };
}

/** The models that drew: several if only some calls went to a fallback. */
export function modelsOf(calls: Drawing['calls']): string {
  return [...new Set(calls.map(({ model }) => model))].join(', ');
}
