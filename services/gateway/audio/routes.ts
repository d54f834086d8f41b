import type { FastifyInstance } from 'fastify';
import {
  createSpeech,
  createTranscription,
  type SpeechRequest,
  type TranscriptionOrder,
  type UploadedFile,
} from '#libs/contracts/audio.ts';
import { encodeFields } from '#libs/contracts/generation-requests.ts';
import { planSpeech, planTranscription, recordingName } from '#libs/pipelines/audio.ts';
import type { ModelChain } from '#libs/pipelines/text-call.ts';
import { problem } from '#libs/problems/problems.ts';
import {
  type EntitlementCheck,
  requiredModel,
  withoutReserve,
} from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { translatedRoute } from '../metering/plugin.ts';
import { textModel } from '../prices/domain.ts';
import { readSeconds } from './durations/read-seconds.ts';
import { sniffAudio, uploadOf } from './form.ts';

const rateLimitClass = () => ({ generation: true, stream: false });

/** The model of a request, with those that replace it if the client leaves the choice to us. */
function chainOf(check: EntitlementCheck, kind: 'audio' | 'speech'): ModelChain {
  const fallbacks = check.fallbacks?.[kind]?.map(textModel) ?? [];
  return { ...textModel(requiredModel(check, kind)), fallbacks };
}

/** `POST /v1/audio/speech`: one provider call, priced by the character. */
export const createSpeechRoute: MeteredRoute<SpeechRequest> = {
  operation: createSpeech,
  rateLimitClass,
  plan: (check) => planSpeech(chainOf(check, 'speech'), check.body.input),
  cheaper: withoutReserve,
};

/** `POST /v1/audio/transcriptions`: one provider call, held for the seconds of the recording. */
export function transcriptionRoute(scope: FastifyInstance): void {
  translatedRoute(scope, createTranscription, async (request) => {
    const { file, ...fields } = request.body;
    const upload = uploadOf(request);
    const type = await sniffAudio(upload);
    const order: TranscriptionOrder = {
      ...fields,
      file_name: recordingName(type, (file as UploadedFile).name),
      file_type: type,
    };
    const seconds = await readSeconds(upload, type);
    const route: MeteredRoute<TranscriptionOrder> = {
      operation: createTranscription,
      rateLimitClass,
      plan: (check) => {
        // A body that entitlements replaced would lack its file.
        if (check.degraded.length > 0) throw problem('model_not_in_plan');
        return planTranscription(chainOf(check, 'audio'), seconds);
      },
      cheaper: withoutReserve,
    };
    // Repeated requests are compared by their bytes, so these name the file.
    return { body: order, route, bytes: encodeFields({ ...order, file_sha256: upload.sha256 }) };
  });
}
