/** Models, plans and texts that the tests of content pipelines share. */
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import { CONTENT_TYPES, generateRequest } from '#libs/contracts/generate.ts';
import type { SearchSource } from '#libs/contracts/search.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { briefOf, contentSteps } from './pipeline.ts';
import { planContent } from './plan.ts';

export const price: ModelPriceWire = {
  provider: 'openai',
  model: 'gpt-4o',
  version: 'openai/gpt-4o@2024-10-02T00:00:00.000Z',
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '2500000', output: '10000000' } }],
};

export const model: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o',
  aliases: [],
  upstreamModel: 'gpt-4o',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
  maxImageInputTokens: 0,
  tokenizer: 'o200k_base',
  capabilities: { vision: true, tools: true, jsonSchema: true, reasoning: false, streaming: true },
};

export const planOf = (body: object, more: Partial<Parameters<typeof planContent>[0]> = {}) =>
  planContent({
    kind: 'job',
    request: generateRequest.parse(body),
    model,
    price,
    outputTokensCap: null,
    ...more,
  });

/** Content types that one job can have. */
export const TOGETHER = CONTENT_TYPES.filter((type) => type !== 'reply');

export const SOME_ID = '0190a1b2-0000-7000-8000-00000000e001';
export const RECORDING = { id: SOME_ID, seconds: 1_500, media_type: 'audio/mpeg' };
export const mediaModels = {
  transcription: {
    model: { ...model, model: 'whisper-1', kind: 'audio' as const },
    price: { ...price, model: 'whisper-1' },
  },
};

export const step = (body: object, key: string) => {
  const brief = briefOf(generateRequest.parse(body), 1_000);
  const found = contentSteps(brief).find((one) => one.key === key);
  if (found === undefined) throw new Error(`There is no step ${key}.`);
  return { ...found, brief };
};

export const pagesOf = (text: string): SearchSource[] =>
  Array.from({ length: 12 }, (_, index) => ({
    ...{ id: `src_${index}`, title: text, text, provider: 'tavily' },
    url: `https://library.example/${index}`,
  }));

export const inputsOf = (text: string): ContentInputs => ({
  source: { text: `${text} page`, title: text, url: 'https://library.example/', document_id: null },
  voice: { id: SOME_ID, version: 1, instructions: `Brand voice: ${text}` },
  prompt: { id: SOME_ID, version: 1, text },
  passages: [{ id: `${SOME_ID}#0`, file_id: SOME_ID, title: text, text }],
  research: ['tavily'],
});

export const searchModels = [
  {
    model: { ...model, provider: 'tavily', model: 'tavily_search', kind: 'search' as const },
    price: { ...price, provider: 'tavily', model: 'tavily_search' },
  },
];
