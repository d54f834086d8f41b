/** Gemini's requests and responses, where the SDK's types are older than the API. */
import type {
  Content,
  FunctionDeclaration,
  GenerateContentRequest,
  GenerationConfig,
  Part,
} from '@google/generative-ai';

/** https://ai.google.dev/api/caching#FunctionDeclaration: plain JSON Schema instead of the SDK's subset. */
export type GeminiFunction = Omit<FunctionDeclaration, 'parameters'> & { parametersJsonSchema?: object };

/** https://ai.google.dev/api/generate-content#v1beta.GenerationConfig */
export type GeminiConfig = Omit<GenerationConfig, 'responseSchema'> & {
  responseJsonSchema?: object;
  seed?: number;
  thinkingConfig?: { thinkingBudget: number };
};

/** https://ai.google.dev/gemini-api/docs/thought-signatures */
export type GeminiPart = Part & { thoughtSignature?: string; thought?: boolean };

export type GeminiContent = Omit<Content, 'parts'> & { parts: GeminiPart[] };

export type GeminiRequest = Pick<GenerateContentRequest, 'toolConfig'> & {
  contents: GeminiContent[];
  systemInstruction?: { role: 'system'; parts: { text: string }[] };
  tools?: { functionDeclarations: GeminiFunction[] }[];
  generationConfig: GeminiConfig;
  serviceTier: 'standard';
};

/** As received, so nothing in it is certain. */
export type GeminiResponse = {
  candidates?: unknown;
  promptFeedback?: unknown;
  usageMetadata?: unknown;
  responseId?: unknown;
};
