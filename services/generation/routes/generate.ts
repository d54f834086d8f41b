import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PlanContext } from '#libs/contracts/gating.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import type { ContentStep } from '#libs/pipelines/content-prompts.ts';
import { asProblem, problem, toProblemJson } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { MAX_KEPT_BYTES } from '../domain/kept-answers.ts';
import { type CallRunner, type Figures, figureHeaders } from '../domain/run-call.ts';
import { type ContentJob, runContent, type StepTexts } from '../domain/run-content.ts';
import type { ChatProviders } from '../providers/registry.ts';
import { createEventStream } from './event-stream.ts';
import { figuresForClient, presentFigures } from './figures.ts';
import { type Task, type TaskDependencies, withTask } from './task.ts';

export type GenerateDependencies = TaskDependencies & {
  runner: CallRunner;
  providers: ChatProviders;
  clock: Clock;
};

const JSON_TYPE = 'application/json; charset=utf-8';

const MESSAGES: Readonly<Record<ContentStep, string>> = {
  research: 'Researching the topic',
  write: 'Writing the article',
  edit: 'Editing the article',
  social: 'Writing the posts',
};

const CONTENT_TYPE_OF: Partial<Record<ContentStep, string>> = { edit: 'blog', social: 'social' };

/** `POST /internal/generate`: content for a topic as server-sent events, or as JSON for those who ask for it. */
export function generateRoute(app: FastifyInstance, dependencies: GenerateDependencies): void {
  app.post<{ Body: GenerateRequest }>(
    '/internal/generate',
    { schema: { body: generateRequest } },
    (request, reply) =>
      withTask(dependencies, request, reply, async (task) => {
        if (task.plan.kind !== 'generate') {
          throw problem('invalid_request', {
            detail: 'The context does not carry the plan of a generation.',
          });
        }
        const answer = wantsJson(request) ? answerWhole : answerInEvents;
        await answer(dependencies, task, request, reply);
        return reply;
      }),
  );
}

type Answerer = (
  dependencies: GenerateDependencies,
  task: Task,
  request: FastifyRequest<{ Body: GenerateRequest }>,
  reply: FastifyReply,
) => Promise<void>;

const answerWhole: Answerer = async (dependencies, task, { body }, reply) => {
  const { runner, clock } = dependencies;
  const present = (texts: StepTexts, figures: Figures & { state?: string }) =>
    JSON.stringify(presentContent(body, texts, figures, clock, task.planContext));
  const { texts, figures } = await runContent(runner, {
    ...jobOf(dependencies, task, body),
    listener: {
      onComplete: async (written, figures) => {
        await task.slot?.keep({
          status: 200,
          headers: { 'content-type': JSON_TYPE, ...figuresForClient(figures) },
          body: Buffer.from(present(written, figures)),
        });
      },
    },
  });
  reply.headers(figureHeaders(figures, 'ok')).type(JSON_TYPE).send(present(texts, figures));
};

const answerInEvents: Answerer = async (dependencies, task, request, reply) => {
  const { runner, clock } = dependencies;
  const { body } = request;
  const present = (texts: StepTexts, figures: Figures & { state?: string }) =>
    presentContent(body, texts, figures, clock, task.planContext);
  const events = createEventStream(reply, task.slot ? MAX_KEPT_BYTES : 0);
  try {
    const { texts, figures } = await runContent(runner, {
      ...jobOf(dependencies, task, body),
      listener: {
        onStatus: (step, progress) => events.send('status', { step, message: MESSAGES[step], progress }),
        onChunk: (step, chunk, progress) =>
          events.send('content', { content_type: CONTENT_TYPE_OF[step], chunk, progress }),
        onComplete: async (written, figures) => {
          const transcript = events.transcriptWith('complete', present(written, figures));
          if (transcript === undefined) return;
          const headers = {
            'content-type': 'text/event-stream; charset=utf-8',
            ...figuresForClient(figures),
          };
          await task.slot?.keep({ status: 200, headers, body: transcript });
        },
      },
    });
    await events.send('complete', present(texts, figures));
  } catch (error) {
    const failure = asProblem(error);
    request.problemCode = failure.code;
    if (failure.status >= 500) request.log.error({ err: error }, 'a generation failed');
    await events.send('error', toProblemJson(failure, request.id));
  }
  events.end();
};

function jobOf(
  { providers }: GenerateDependencies,
  { requestId, plan, work, settlement }: Task,
  request: GenerateRequest,
): Omit<ContentJob, 'listener'> {
  return { requestId, work, settlement, request, calls: plan.calls, sourceFor: providers.forPipeline };
}

/** Events, unless the client names JSON and not events. */
function wantsJson({ headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}

function presentContent(
  { topic }: GenerateRequest,
  texts: StepTexts,
  figures: Figures & { state?: string },
  clock: Clock,
  planContext: PlanContext | undefined,
) {
  return {
    content: texts.get('edit') ?? '',
    social_media_content: texts.get('social') ?? null,
    audio_content: null,
    video_content: null,
    topic,
    generated_at: clock.now().toISOString(),
    cached: false,
    usage: presentFigures(figures),
    ...planContext,
  };
}
