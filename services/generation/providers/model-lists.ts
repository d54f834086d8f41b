/** The models that vendors list. */
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { ANTHROPIC_VERSION } from './anthropic/version.ts';
import type { ProviderAccess, ProviderKey } from './domain/providers.ts';

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_NAME = 200;

type ModelList = {
  path: string;
  headers: (apiKey: string) => Record<string, string>;
};

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });

/** Of the vendors that have one. */
export const MODEL_LISTS: Readonly<Partial<Record<ProviderKey, ModelList>>> = {
  openai: { path: '/models', headers: bearer },
  xai: { path: '/models', headers: bearer },
  mistral: { path: '/models', headers: bearer },
  ollama: { path: '/models', headers: bearer },
  anthropic: {
    path: '/v1/models?limit=1000',
    headers: (apiKey) => ({ 'x-api-key': apiKey, 'anthropic-version': ANTHROPIC_VERSION }),
  },
  gemini: { path: '/v1beta/models?pageSize=1000', headers: (apiKey) => ({ 'x-goog-api-key': apiKey }) },
};

/** OpenAI's and Anthropic's format, or Google's. */
const listed = z.union([
  z.object({ data: z.array(z.object({ id: z.string() })) }),
  z.object({ models: z.array(z.object({ name: z.string() })) }),
]);

/** @throws Error if the vendor does not answer with a list. */
export async function readModelList(
  dispatcher: Dispatcher,
  { path, headers }: ModelList,
  { baseUrl, apiKey }: ProviderAccess,
  signal: AbortSignal,
): Promise<string[]> {
  const url = new URL(`${baseUrl}${path}`);
  const response = await dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: 'GET',
    headers: { accept: 'application/json', ...headers(apiKey) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error('The list of models is too long.');
    chunks.push(chunk);
  }
  if (response.statusCode !== 200) throw new Error(`The vendor answered ${response.statusCode}.`);
  const list = listed.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  const names =
    'data' in list
      ? list.data.map(({ id }) => id)
      : list.models.map(({ name }) => name.replace(/^models\//, ''));
  return [...new Set(names)].filter((name) => name !== '' && name.length <= MAX_NAME);
}
