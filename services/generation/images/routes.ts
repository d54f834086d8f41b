import { type ImageRequest, imageOrder } from '#libs/contracts/images.ts';
import { toProblemJson } from '#libs/problems/problems.ts';
import type { CallRunner, Figures } from '../calls/domain/run-call.ts';
import type { SaveMedia } from '../media/domain.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { sendJson, storedResponseOf } from '../requests/domain/figures.ts';
import type { GenerationRequest } from '../requests/domain/generation-request.ts';
import {
  type GenerationHandler,
  type HandlerInput,
  parseBody,
  type ResponseSender,
} from '../requests/domain/handler.ts';
import { createImageStream } from './image-stream.ts';
import { modelsOf, presentDrawing, presentImageEvent } from './present.ts';
import { type Drawing, type ImageRun, runImage } from './run-image.ts';

export type ImagesOptions = {
  runner: CallRunner;
  saveMedia: SaveMedia;
  providers: Pick<Providers, 'forImages' | 'forPipeline' | 'moderationsIfConfigured'>;
};

/** Images for a prompt. Each call is settled before its result is sent. */
export function createImagesHandler(options: ImagesOptions): GenerationHandler {
  return async (request, input, response) => {
    const body = parseBody(imageOrder, input.body);
    const respond = body.stream ? respondWithEvents : respondWithJson;
    await respond(options, request, body, response, input);
  };
}

function runOf(
  { providers, saveMedia }: ImagesOptions,
  { requestId, caller, active, settlement, plan }: GenerationRequest,
  body: ImageRequest,
): Omit<ImageRun, 'onComplete'> {
  return {
    ...{ requestId, active, settlement, request: body },
    calls: plan.calls,
    save: body.response_format === 'url' ? (file) => saveMedia(caller, file) : null,
    adapterFor: providers.forImages,
    sourceFor: providers.forPipeline,
    moderationsFor: providers.moderationsIfConfigured,
  };
}

async function respondWithJson(
  options: ImagesOptions,
  request: GenerationRequest,
  body: ImageRequest,
  response: ResponseSender,
): Promise<void> {
  const present = (drawing: Drawing, figures: Figures & { state?: string }) =>
    Buffer.from(JSON.stringify(presentDrawing(body, request, drawing, figures)));
  const { drawing, figures } = await runImage(options.runner, {
    ...runOf(options, request, body),
    onComplete: async (drawn, known) => {
      await request.slot?.store(storedResponseOf('json', withModel(known, drawn), present(drawn, known)));
    },
  });
  sendJson(response, withModel(figures, drawing), present(drawing, figures));
}

/** The model of the images, not of their description. */
function withModel<Known extends Figures>(figures: Known, { calls }: Drawing): Known {
  return { ...figures, model: modelsOf(calls) };
}

async function respondWithEvents(
  options: ImagesOptions,
  request: GenerationRequest,
  body: ImageRequest,
  response: ResponseSender,
  { requestId, recordFailure }: HandlerInput,
): Promise<void> {
  const stream = createImageStream(response);
  const complete = (drawing: Drawing, figures: Figures & { state?: string }) =>
    presentDrawing(body, request, drawing, figures, true);
  try {
    const { drawing, figures } = await runImage(options.runner, {
      ...runOf(options, request, body),
      onPreview: stream.preview,
      onImage: (index, image) => stream.send('image', presentImageEvent(body, index, image)),
      onComplete: async (drawn, known) => {
        const images = drawn.images.map((image, index) => presentImageEvent(body, index, image));
        const transcript = stream.transcript(images, complete(drawn, known));
        await request.slot?.store(storedResponseOf('events', known, transcript));
      },
    });
    stream.send('complete', complete(drawing, figures));
  } catch (error) {
    if (!stream.hasBegun()) {
      stream.cancel();
      throw error;
    }
    stream.send('error', toProblemJson(recordFailure(error), requestId));
  }
  stream.end();
}
