import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import { finishingOf } from '#libs/pipelines/image.ts';
import { type CallRunner, type Figures, figureHeaders } from '../domain/run-call.ts';
import { type Drawing, runImage } from '../domain/run-image.ts';
import type { ChatProviders, ImageProviders } from '../providers/registry.ts';
import { figuresForClient, presentFigures } from './figures.ts';
import type { Task } from './task.ts';
import { answerWhole, parseBody, type WorkHandler } from './work.ts';

export type ImagesDependencies = {
  runner: CallRunner;
  providers: ImageProviders & Pick<ChatProviders, 'forPipeline'>;
};

const JSON_TYPE = 'application/json; charset=utf-8';

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
        const headers = { 'content-type': JSON_TYPE, ...figuresForClient(known) };
        await slot?.keep({ status: 200, headers, body: present(body, task, drawn, known) });
      },
    });
    const headers = { ...figureHeaders(figures, 'ok'), 'content-type': JSON_TYPE };
    answerWhole(answer, { status: 200, headers }, present(body, task, drawing, figures));
  };
}

function present(
  request: ImageRequest,
  { plan, planContext }: Task,
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
