import {
  SPEECH_TYPES,
  speechRequest,
  type TranscriptionOrder,
  transcriptionOrder,
} from '#libs/contracts/audio.ts';
import { SPEECH_STEP } from '#libs/pipelines/audio.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import type { CallRunner } from '../calls/domain/run-call.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { answerWithDocument, onlyCall } from '../requests/domain/answer-with-document.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';
import { speechAttempt, transcriptionAttempt } from './domain/attempts.ts';

export type AudioOptions = { runner: CallRunner; providers: Pick<Providers, 'forAudio'> };

const noTokens = async () => 0;

/** One provider call: a recording to a text, or a text to a recording. */
export function createAudioHandler({ runner, providers }: AudioOptions): GenerationHandler {
  return async (request, { body, file }, response) => {
    const call = configuredCall(onlyCall(request), providers.forAudio);
    // Before anything is sent: the provider may not be configured.
    providers.forAudio(call.provider);
    if (call.step === SPEECH_STEP) {
      const order = parseBody(speechRequest, body);
      const contentType = SPEECH_TYPES[order.response_format];
      const attempt = speechAttempt(order, providers.forAudio);
      return answerWithDocument(runner, request, response, noTokens, attempt, contentType, call);
    }
    if (file === null) throw new TypeError('The request has no recording.');
    const order = parseBody(transcriptionOrder, body);
    const attempt = transcriptionAttempt(order, file, providers.forAudio);
    return answerWithDocument(runner, request, response, noTokens, attempt, typeOf(order), call);
  };
}

function typeOf({ response_format: format }: TranscriptionOrder): string {
  return format === 'json' || format === 'verbose_json'
    ? 'application/json; charset=utf-8'
    : 'text/plain; charset=utf-8';
}
