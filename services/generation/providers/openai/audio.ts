import type { Dispatcher } from 'undici';
import type { AudioAdapter } from '../domain/audio-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { encodeFileForm } from '../form.ts';
import { fetchBytes } from '../read-document.ts';
import { jsonFormatOf, readTranscript } from './transcript.ts';

const ANY = '*/*';

/** @see https://platform.openai.com/docs/api-reference/audio */
export function createOpenAiAudioAdapter(endpoint: Endpoint, dispatcher: Dispatcher): AudioAdapter {
  return {
    async transcribe({ upstreamModel, file, file_name: name, file_type: type, ...fields }, context) {
      const { response_format: format } = fields;
      const asked = { ...fields, model: upstreamModel, response_format: jsonFormatOf(format) };
      const values = Object.entries(asked).flatMap(([key, value]) =>
        [value ?? []].flat().map((one) => [key, String(one)] as const),
      );
      const form = encodeFileForm(values, { name, type, content: file });
      const sent = { path: '/audio/transcriptions', ...form, accept: ANY };
      const bytes = await fetchBytes(dispatcher, postTo(endpoint, sent, context), context);
      return readTranscript(bytes, format);
    },
    async speak({ upstreamModel, ...request }, context) {
      const sent = {
        path: '/audio/speech',
        body: JSON.stringify({ ...request, model: upstreamModel }),
        accept: ANY,
      };
      const bytes = await fetchBytes(dispatcher, postTo(endpoint, sent, context), context);
      if (bytes.length === 0) throw new ProviderError('malformed', "The provider's answer has no recording.");
      return bytes;
    },
  };
}
