import type { NormalisedChat, ProviderAdapter } from '../domain/provider-adapter.ts';
import { toGeminiRequest } from './request.ts';
import { createStreamReader, fromGeminiResponse } from './response.ts';
import { geminiTier, geminiUnits } from './usage.ts';
import type { GeminiResponse } from './wire.ts';

/** Gemini's API for developers. @see https://ai.google.dev/api/generate-content */
export function createGeminiAdapter(options: { now: () => Date; newId: () => string }): ProviderAdapter {
  const { newId } = options;
  const headOf = ({ model }: NormalisedChat) => ({
    id: newId(),
    model,
    createdAtSeconds: Math.floor(options.now().getTime() / 1000),
  });
  return {
    toRequest: (chat, stream) => {
      const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
      return {
        path: `/v1beta/models/${encodeURIComponent(chat.upstreamModel)}:${method}`,
        body: toGeminiRequest(chat),
      };
    },
    readAnswer: (document, chat) => ({
      completion: fromGeminiResponse(document as GeminiResponse, headOf(chat), newId),
      units: geminiUnits((document as GeminiResponse).usageMetadata),
      serviceTier: geminiTier(document as GeminiResponse),
      isVerbatim: false,
    }),
    createStreamReader: (chat) => createStreamReader(headOf(chat), newId),
  };
}
