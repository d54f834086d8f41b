import type { ModelInfo } from '#libs/pricing/model.ts';

const METHODS: Readonly<Partial<Record<ModelInfo['kind'], readonly string[]>>> = {
  text: ['generateContent', 'countTokens'],
  embedding: ['embedContent'],
};

/** A model in Gemini's form (https://ai.google.dev/api/models#Model). */
export function presentGeminiModel({ model, kind, contextWindow, maxOutputTokens }: ModelInfo) {
  return {
    name: `models/${model}`,
    version: model,
    displayName: model,
    inputTokenLimit: contextWindow,
    outputTokenLimit: maxOutputTokens,
    supportedGenerationMethods: [...(METHODS[kind] ?? [])],
  };
}
