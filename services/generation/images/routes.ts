import { type ImageRequest, imageOrder } from '#libs/contracts/images.ts';
import { finishingOf } from '#libs/pipelines/image.ts';
import type { CallRunner, Figures } from '../calls/domain/run-call.ts';
import type { SaveMedia } from '../media/domain.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { presentFigures, sendJson, storedResponseOf } from '../requests/domain/figures.ts';
import type { GenerationRequest } from '../requests/domain/generation-request.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';
import { type Drawing, runImage } from './run-image.ts';

export type ImagesOptions = {
  runner: CallRunner;
  saveMedia: SaveMedia;
  providers: Pick<Providers, 'forImages' | 'forPipeline' | 'moderationsIfConfigured'>;
};

/** Images for a prompt. Each call is settled before its result is sent. */
export function createImagesHandler({ runner, providers, saveMedia }: ImagesOptions): GenerationHandler {
  return async (request, input, response) => {
    const { requestId, caller, active, settlement, plan, slot } = request;
    const body = parseBody(imageOrder, input.body);
    const { drawing, figures } = await runImage(runner, {
      requestId,
      active,
      settlement,
      request: body,
      calls: plan.calls,
      save: body.response_format === 'url' ? (file) => saveMedia(caller, file) : null,
      adapterFor: providers.forImages,
      sourceFor: providers.forPipeline,
      moderationsFor: providers.moderationsIfConfigured,
      onComplete: async (drawn, known) => {
        await slot?.store(storedResponseOf('json', known, present(body, request, drawn, known)));
      },
    });
    sendJson(response, figures, present(body, request, drawing, figures));
  };
}

function present(
  request: ImageRequest,
  { plan, planContext }: GenerationRequest,
  { images, altText, incomplete }: Drawing,
  figures: Figures & { state?: string },
): Buffer {
  const [picture] = plan.calls;
  const document = {
    status: 'success',
    images: images.map(({ base64, url, mediaType, width, height }) => ({
      // A stored image is not sent twice.
      b64_json: request.response_format === 'url' && url !== null ? null : base64,
      url,
      alt_text: altText,
      media_type: mediaType,
      width,
      height,
    })),
    size: picture?.image?.size ?? null,
    quality: planContext?.plan_info.quality_used ?? null,
    post_processing: [
      ...(picture === undefined ? [] : finishingOf(request, picture)),
      ...new Set(images.flatMap(({ applied }) => applied)),
    ],
    incomplete,
    usage: presentFigures(figures),
    ...planContext,
  };
  return Buffer.from(JSON.stringify(document));
}
