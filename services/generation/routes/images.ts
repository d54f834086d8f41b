import type { FastifyInstance } from 'fastify';
import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import { finishingOf } from '#libs/pipelines/image.ts';
import { problem } from '#libs/problems/problems.ts';
import { type CallRunner, type Figures, figureHeaders } from '../domain/run-call.ts';
import { type Drawing, runImage } from '../domain/run-image.ts';
import type { ChatProviders, ImageProviders } from '../providers/registry.ts';
import { figuresForClient, presentFigures } from './figures.ts';
import { type Task, type TaskDependencies, withTask } from './task.ts';

export type ImagesDependencies = TaskDependencies & {
  runner: CallRunner;
  providers: ImageProviders & Pick<ChatProviders, 'forPipeline'>;
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** `POST /internal/images`: pictures for a prompt, each call settled before its result leaves. */
export function imagesRoute(app: FastifyInstance, dependencies: ImagesDependencies): void {
  const { runner, providers } = dependencies;
  app.post<{ Body: ImageRequest }>('/internal/images', { schema: { body: imageRequest } }, (request, reply) =>
    withTask(dependencies, request, reply, async (task) => {
      if (task.plan.kind !== 'image') {
        throw problem('invalid_request', { detail: 'The context does not carry the plan of images.' });
      }
      const { requestId, work, settlement, plan, slot } = task;
      const { drawing, figures } = await runImage(runner, {
        requestId,
        work,
        settlement,
        request: request.body,
        calls: plan.calls,
        adapterFor: providers.forImages,
        sourceFor: providers.forPipeline,
        onComplete: async (drawn, known) => {
          const headers = { 'content-type': JSON_TYPE, ...figuresForClient(known) };
          const body = Buffer.from(present(request.body, task, drawn, known));
          await slot?.keep({ status: 200, headers, body });
        },
      });
      return reply
        .headers(figureHeaders(figures, 'ok'))
        .type(JSON_TYPE)
        .send(present(request.body, task, drawing, figures));
    }),
  );
}

function present(
  request: ImageRequest,
  { plan, planContext }: Task,
  { images, altText, incomplete }: Drawing,
  figures: Figures & { state?: string },
): string {
  const [picture] = plan.calls;
  return JSON.stringify({
    status: 'success',
    images: images.map(({ base64, url }) => ({ b64_json: base64, url, alt_text: altText })),
    size: picture?.image?.size ?? null,
    quality: planContext?.plan_info.quality_used ?? null,
    post_processing: picture === undefined ? [] : finishingOf(request, picture),
    incomplete,
    usage: presentFigures(figures),
    ...planContext,
  });
}
