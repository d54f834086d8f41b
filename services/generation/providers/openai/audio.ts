import type { Dispatcher } from 'undici';
import type { AudioAdapter, Transcript } from '../domain/audio-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { encodeForm } from '../form.ts';
import { fieldsOf, parseJson } from '../json.ts';
import { fetchBytes } from '../read-document.ts';

const ANY = '*/*';

/** @see https://platform.openai.com/docs/api-reference/audio */
export function createOpenAiAudioAdapter(endpoint: Endpoint, dispatcher: Dispatcher): AudioAdapter {
  return {
    async transcribe({ upstreamModel, file, file_name: name, file_type: type, ...fields }, context) {
      const form = new FormData();
      form.set('file', new File([Uint8Array.from(file)], name, { type }));
      for (const [key, value] of Object.entries({ ...fields, model: upstreamModel })) {
        for (const one of [value ?? []].flat()) form.append(key, String(one));
      }
      const sent = { path: '/audio/transcriptions', ...(await encodeForm(form)), accept: ANY };
      const bytes = await fetchBytes(dispatcher, postTo(endpoint, sent, context), context);
      const isJson = fields.response_format === 'json' || fields.response_format === 'verbose_json';
      return isJson ? readTranscript(bytes) : { bytes, seconds: null };
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

function readTranscript(bytes: Buffer): Transcript {
  const { text, usage, duration } = fieldsOf(parseJson(bytes.toString('utf8')));
  if (typeof text !== 'string') throw new ProviderError('malformed', "The provider's answer has no text.");
  const seconds = fieldsOf(usage).seconds ?? duration;
  return { bytes, seconds: typeof seconds === 'number' && seconds >= 0 ? Math.ceil(seconds) : null };
}
