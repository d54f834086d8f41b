import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorFormat } from '#libs/problems/error-formats.ts';

/** Routes of vendors' APIs that do not exist here, and what to use instead. The first that matches counts. */
const ALTERNATIVES: readonly [path: RegExp, use: string][] = [
  [/^\/v1(?:beta)?\/v1(?:beta)?\//, 'The path has its version twice: remove it from the base URL.'],
  [/^\/v1beta\/openai\//, 'Use POST /v1/chat/completions.'],
  [/^\/v1beta\/(?:tunedModels|tuningJobs)/, 'Models are not trained here.'],
  [/^\/v1beta\/(?:batches|batchPredictionJobs)/, 'Send the requests one by one.'],
  [/^\/(?:upload\/)?v1beta\/fileSearchStores/, 'Use POST /api/kb/files.'],
  [/^\/v1(?:alpha|beta)\/auth_tokens/, 'Use POST /api/session-tokens.'],
  [/^\/v1beta\/interactions/, 'Use POST /v1beta/models/{model}:generateContent.'],
  [/^\/(?:upload\/)?v1beta\/files/, 'Send the content as inlineData.'],
  [
    /^\/v1beta\/cachedContents/,
    'Send the contents with each request: providers find repeated prompts by themselves.',
  ],
  [/^\/v1(?:beta)?\/models\/[^/]+:predict/, 'Use POST /v1/images/generations.'],
  [
    /^\/v1beta\/|^\/v1\/models\/[^/]+:/,
    'Requests to models are generateContent, streamGenerateContent, countTokens, embedContent and batchEmbedContents.',
  ],
  [
    /^\/(?:chat\/completions|responses|messages|embeddings|completions|moderations|models)/,
    'Add /v1 to the base URL.',
  ],
  [/^\/openai\//, 'Use POST /v1/chat/completions, with the model in the body.'],
  [/^\/api\/(?:chat|generate|tags|embed)$/, 'Use POST /v1/chat/completions.'],
  [/^\/v1\/images\//, 'Use POST /v1/images/generations.'],
  [/^\/v1\/(?:assistants|threads)/, 'Use POST /v1/responses.'],
  [/^\/v1\/conversations/, 'Use POST /v1/responses with previous_response_id.'],
  [/^\/v1\/chat\/completions\//, 'Chats are not stored. Use POST /v1/responses, which stores.'],
  [/^\/v1\/realtime/, 'Use POST /v1/responses with "stream": true.'],
  [/^\/v1\/chatkit/, 'Use POST /v1/responses.'],
  [
    /^\/v1\/(?:organizations?|projects)\//,
    'Members, keys and usage of an account are at /api/members, /api/api-keys and /api/usage/requests.',
  ],
  [
    /^\/v1\/(?:agents|sessions|environments|deployments|deployment_runs|dreams|memory_stores|vaults|tunnels|user_profiles)(?:\/|$)/,
    'Agents run in your own program: use POST /v1/messages with tools.',
  ],
  [/^\/v1\/complete$/, 'Use POST /v1/messages.'],
  [/^\/v1\/(?:engines|edits)/, 'Use POST /v1/chat/completions.'],
  [/^\/v1\/(?:batches|messages\/batches)/, 'Send the requests one by one.'],
  [/^\/v1\/(?:files|uploads)/, 'Send the content inside the request.'],
  [/^\/v1\/vector_stores/, 'Use POST /api/kb/files.'],
  [/^\/v1\/(?:fine_tuning|fine-tunes)/, 'Models are not trained here.'],
  [/^\/v1\/responses\/[^/]+\/cancel/, 'Responses are not created in the background; close the connection.'],
  [/^\/v1\/responses\/compact/, 'Use POST /v1/responses, with a summary of the conversation as input.'],
  [/^\/v1\/audio\/translations/, 'Use POST /v1/audio/transcriptions, and translate its text with a chat.'],
  [/^\/v1\/audio/, 'Use POST /v1/audio/transcriptions or POST /v1/audio/speech.'],
  [/^\/v1\/rerank/, 'Use POST /v1/embeddings, and compare the vectors.'],
  [/^\/v1\/(?:videos|containers|evals|skills)/, 'It is not built. The API reference at /docs lists what is.'],
];

/** The message for a URL without a route of this method. @param allowed the methods that it has. */
export function describeMissingRoute(method: string, path: string, allowed: readonly string[] = []): string {
  const [, use] = ALTERNATIVES.find(([pattern]) => pattern.test(path)) ?? [];
  const reference =
    allowed.length === 0
      ? 'The API reference is at /docs.'
      : `Use ${allowed.filter((one) => one !== 'HEAD').join(' or ')}.`;
  return `There is no ${method} ${path}. ${use ?? reference}`;
}

/** Paths that only OpenAI's SDKs call. */
const OF_OPENAI = /^\/v1\/(?:chat|completions|responses|embeddings|moderations|images|audio)(?:[/?]|$)/;

/** The shape of errors that the caller's SDK shows: by the path, or by the headers where vendors share a path. */
export function errorFormatFor(url: string, headers: IncomingHttpHeaders): ErrorFormat {
  if (/^\/v1\/messages(?:$|[/?])/.test(url)) return 'anthropic';
  if (/^\/(?:upload\/)?v1beta\/|^\/v1\/models\/[^/?]+:/.test(url)) return 'google';
  if (!url.startsWith('/v1/')) return 'problem';
  if (OF_OPENAI.test(url)) return 'openai';
  if (headers['anthropic-version'] !== undefined) return 'anthropic';
  return headers['x-goog-api-client'] === undefined ? 'openai' : 'google';
}
