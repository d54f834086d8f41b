import type { Dispatcher } from 'undici';
import type { ModerationAdapter } from '../domain/moderation-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { fetchDocument } from '../read-document.ts';

/** @see https://platform.openai.com/docs/api-reference/moderations/create */
export function createOpenAiModerationAdapter(endpoint: Endpoint, dispatcher: Dispatcher): ModerationAdapter {
  return {
    async moderate(request, context) {
      const sent = { path: '/moderations', body: JSON.stringify(request) };
      const { document, bytes } = await fetchDocument(dispatcher, postTo(endpoint, sent, context), context);
      if (Array.isArray(document.results)) return bytes;
      throw new ProviderError('malformed', "The provider's answer has no results.");
    },
  };
}
