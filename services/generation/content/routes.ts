import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import type { ContentStep } from '#libs/pipelines/content-prompts.ts';
import { toProblemJson } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { CallRunner, Figures } from '../calls/domain/run-call.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { presentFigures, sendJson, storedResponseOf } from '../requests/domain/figures.ts';
import type { GenerationRequest } from '../requests/domain/generation-request.ts';
import {
  type GenerationHandler,
  type HandlerInput,
  parseBody,
  type ResponseSender,
} from '../requests/domain/handler.ts';
import { MAX_STORED_BYTES } from '../stored-responses/domain.ts';
import { createEventStream } from './event-stream.ts';
import { type ContentRun, runContent, type StepTexts } from './run-content.ts';

export type ContentHandlerOptions = {
  runner: CallRunner;
  providers: Pick<Providers, 'forPipeline'>;
  clock: Clock;
};

const MESSAGES: Readonly<Record<ContentStep, string>> = {
  research: 'Researching the topic',
  write: 'Writing the article',
  edit: 'Editing the article',
  social: 'Writing the posts',
};

const CONTENT_TYPE_OF: Partial<Record<ContentStep, string>> = { edit: 'blog', social: 'social' };

/** Content for a topic, as server-sent events, or as JSON for clients that accept only JSON. */
export function createContentHandler(options: ContentHandlerOptions): GenerationHandler {
  return (request, input, response) => {
    const respond = wantsJson(input) ? respondWithJson : respondWithEvents;
    const body = parseBody(generateRequest, input.body);
    return respond({ ...options, request, body }, response, input);
  };
}

type ContentRequest = ContentHandlerOptions & { request: GenerationRequest; body: GenerateRequest };

async function respondWithJson(content: ContentRequest, response: ResponseSender): Promise<void> {
  const { runner, request } = content;
  const present = (texts: StepTexts, figures: Figures & { state?: string }) =>
    Buffer.from(JSON.stringify(presentContent(content, texts, figures)));
  const { texts, figures } = await runContent(runner, {
    ...contentRunOf(content),
    listener: {
      onComplete: async (texts, figures) => {
        await request.slot?.store(storedResponseOf('json', figures, present(texts, figures)));
      },
    },
  });
  sendJson(response, figures, present(texts, figures));
}

async function respondWithEvents(
  content: ContentRequest,
  response: ResponseSender,
  { requestId, recordFailure }: HandlerInput,
): Promise<void> {
  const { runner, request } = content;
  const events = createEventStream(response, request.slot ? MAX_STORED_BYTES : 0);
  try {
    const { texts, figures } = await runContent(runner, {
      ...contentRunOf(content),
      listener: {
        onStatus: (step, progress) => events.send('status', { step, message: MESSAGES[step], progress }),
        onChunk: (step, chunk, progress) =>
          events.send('content', { content_type: CONTENT_TYPE_OF[step], chunk, progress }),
        onComplete: async (texts, figures) => {
          const transcript = events.transcriptWith('complete', presentContent(content, texts, figures));
          if (transcript === undefined) return;
          await request.slot?.store(storedResponseOf('events', figures, transcript));
        },
      },
    });
    await events.send('complete', presentContent(content, texts, figures));
  } catch (error) {
    await events.send('error', toProblemJson(recordFailure(error), requestId));
  }
  events.end();
}

function contentRunOf({ providers, request, body }: ContentRequest): Omit<ContentRun, 'listener'> {
  const { requestId, plan, active, settlement } = request;
  return {
    requestId,
    active,
    settlement,
    request: body,
    calls: plan.calls,
    sourceFor: providers.forPipeline,
  };
}

/** Events are the default; JSON must be requested without events. */
function wantsJson({ accept }: HandlerInput): boolean {
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}

function presentContent(
  { body, clock, request }: ContentRequest,
  texts: StepTexts,
  figures: Figures & { state?: string },
) {
  return {
    content: texts.get('edit') ?? '',
    social_media_content: texts.get('social') ?? null,
    audio_content: null,
    video_content: null,
    topic: body.topic,
    generated_at: clock.now().toISOString(),
    cached: false,
    usage: presentFigures(figures),
    ...request.planContext,
  };
}
