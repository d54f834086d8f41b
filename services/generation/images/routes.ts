import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import { finishingOf } from '#libs/pipelines/image.ts';
import type { CallRunner, Figures } from '../calls/run-call.ts';
import type { ChatProviders, ImageProviders } from '../providers/registry.ts';
import { answerJson, presentFigures, storedResponseOf } from '../requests/figures.ts';
import type { GenerationRequest } from '../requests/generation-request.ts';
import { parseBody, type WorkHandler } from '../requests/work-server.ts';
import { type Drawing, runImage } from './run-image.ts';

export type ImagesDependencies = {
  runner: CallRunner;
  providers: ImageProviders & Pick<ChatProviders, 'forPipeline'>;
};

/** Pictures for a prompt, each call settled before its result leaves. */
export function createImagesHandler({ runner, providers }: ImagesDependencies): WorkHandler {
  return async (task, request, answer) => {
    const { requestId, work, settlement, plan, slot } = task;
    const body = parseBody(imageRequest, request.body);
    const { drawing, figures } = await runImage(runner, {
      requestId,
      work,
      settlement,
      request: body,
      calls: plan.calls,
      adapterFor: providers.forImages,
      sourceFor: providers.forPipeline,
      onComplete: async (drawn, known) => {
        await slot?.keep(storedResponseOf('json', known, present(body, task, drawn, known)));
      },
    });
    answerJson(answer, figures, present(body, task, drawing, figures));
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
    images: images.map(({ base64, url }) => ({ b64_json: base64, url, alt_text: altText })),
    size: picture?.image?.size ?? null,
    quality: planContext?.plan_info.quality_used ?? null,
    post_processing: picture === undefined ? [] : finishingOf(request, picture),
    incomplete,
    usage: presentFigures(figures),
    ...planContext,
  };
  return Buffer.from(JSON.stringify(document));
}
