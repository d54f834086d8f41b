import {
  SPEECH_TYPES,
  speechRequest,
  type TranscriptionOrder,
  transcriptionOrder,
} from '#libs/contracts/audio.ts';
import { decodeFileRequest } from '#libs/contracts/generation-requests.ts';
import { SPEECH_STEP } from '#libs/pipelines/audio.ts';
import type { Attempt, CallRunner } from '../calls/domain/run-call.ts';
import type { AudioAdapter } from '../providers/domain/audio-adapter.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { answerWithDocument, onlyCall } from '../requests/domain/answer-with-document.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';
import { speechAttempt } from './domain.ts';

export type AudioOptions = { runner: CallRunner; providers: Pick<Providers, 'forAudio'> };

const noTokens = async () => 0;

/** One provider call: a recording to a text, or a text to a recording. */
export function createAudioHandler({ runner, providers }: AudioOptions): GenerationHandler {
  return async (request, { body }, response) => {
    const call = onlyCall(request);
    const adapter = providers.forAudio(call.provider);
    if (call.step === SPEECH_STEP) {
      const order = parseBody(speechRequest, body);
      const contentType = SPEECH_TYPES[order.response_format];
      const attempt = speechAttempt(call, order, adapter);
      return answerWithDocument(runner, request, response, noTokens, attempt, contentType);
    }
    const { fields, file } = decodeFileRequest(body as Buffer);
    const order = parseBody(transcriptionOrder, fields);
    const attempt = transcriptionAttempt(call, order, file, adapter);
    return answerWithDocument(runner, request, response, noTokens, attempt, typeOf(order));
  };
}

type AudioCall = { upstreamModel: string; otherUnits: Readonly<Record<string, number>> };

/** Without a figure of the provider, the duration that was read from the file counts. */
function transcriptionAttempt(
  { upstreamModel, otherUnits }: AudioCall,
  order: TranscriptionOrder,
  file: Buffer,
  adapter: AudioAdapter,
): Attempt<Buffer> {
  return async (context, record) => {
    const { bytes, seconds } = await adapter.transcribe({ ...order, upstreamModel, file }, context);
    record.takeDocument(bytes.length, seconds === null ? otherUnits : { audio_second: seconds });
    return bytes;
  };
}

function typeOf({ response_format: format }: TranscriptionOrder): string {
  return format === 'json' || format === 'verbose_json'
    ? 'application/json; charset=utf-8'
    : 'text/plain; charset=utf-8';
}
