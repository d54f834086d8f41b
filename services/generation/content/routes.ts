import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import type { ContentStep } from '#libs/pipelines/content-prompts.ts';
import { toProblemJson } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { CallRunner, Figures } from '../calls/run-call.ts';
import type { ChatProviders } from '../providers/registry.ts';
import { createEventStream } from '../requests/event-stream.ts';
import { answerJson, presentFigures, storedResponseOf } from '../requests/figures.ts';
import type { GenerationRequest } from '../requests/generation-request.ts';
import { parseBody, type WorkAnswer, type WorkHandler, type WorkRequest } from '../requests/work-server.ts';
import { MAX_STORED_BYTES } from '../stored-responses/domain.ts';
import { type ContentJob, runContent, type StepTexts } from './run-content.ts';

export type GenerateDependencies = { runner: CallRunner; providers: ChatProviders; clock: Clock };

const MESSAGES: Readonly<Record<ContentStep, string>> = {
  research: 'Researching the topic',
  write: 'Writing the article',
  edit: 'Editing the article',
  social: 'Writing the posts',
};

const CONTENT_TYPE_OF: Partial<Record<ContentStep, string>> = { edit: 'blog', social: 'social' };

/** Content for a topic as server-sent events, or as JSON for those who ask for it. */
export function createGenerateHandler(dependencies: GenerateDependencies): WorkHandler {
  return (task, request, answer) => {
    const answerer = wantsJson(request) ? answerInOne : answerInEvents;
    return answerer({ dependencies, task, body: parseBody(generateRequest, request.body) }, request, answer);
  };
}

/** One generation, and what it is done with. */
type GenerateWork = { dependencies: GenerateDependencies; task: GenerationRequest; body: GenerateRequest };

type Answerer = (work: GenerateWork, request: WorkRequest, answer: WorkAnswer) => Promise<void>;

const answerInOne: Answerer = async ({ dependencies, task, body }, _request, answer) => {
  const { runner, clock } = dependencies;
  const present = (texts: StepTexts, figures: Figures & { state?: string }) =>
    JSON.stringify(presentContent(body, texts, figures, clock, task.planContext));
  const { texts, figures } = await runContent(runner, {
    ...jobOf(dependencies, task, body),
    listener: {
      onComplete: async (written, figures) => {
        await task.slot?.keep(storedResponseOf('json', figures, Buffer.from(present(written, figures))));
      },
    },
  });
  answerJson(answer, figures, Buffer.from(present(texts, figures)));
};

const answerInEvents: Answerer = async ({ dependencies, task, body }, request, answer) => {
  const { runner, clock } = dependencies;
  const present = (texts: StepTexts, figures: Figures & { state?: string }) =>
    presentContent(body, texts, figures, clock, task.planContext);
  const events = createEventStream(answer, task.slot ? MAX_STORED_BYTES : 0);
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
          await task.slot?.keep(storedResponseOf('events', figures, transcript));
        },
      },
    });
    await events.send('complete', present(texts, figures));
  } catch (error) {
    await events.send('error', toProblemJson(request.failed(error), request.requestId));
  }
  events.end();
};

function jobOf(
  { providers }: GenerateDependencies,
  { requestId, plan, work, settlement }: GenerationRequest,
  request: GenerateRequest,
): Omit<ContentJob, 'listener'> {
  return { requestId, work, settlement, request, calls: plan.calls, sourceFor: providers.forPipeline };
}

/** Events, unless the client names JSON and not events. */
function wantsJson({ accept }: WorkRequest): boolean {
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
