/** Gemini's requests and responses (https://ai.google.dev/api/generate-content), as far as chats can express them. */
import { z } from 'zod';
import { MAX_STOPS, TOOL_NAME } from './chat-completions.ts';
import { EMBEDDING_TASKS } from './embeddings.ts';

const text = z.string();
const object = z.record(z.string(), z.unknown());

const part = z.looseObject({
  text: text.optional(),
  thought: z.boolean().optional(),
  thoughtSignature: text.optional(),
  inlineData: z.looseObject({ mimeType: text, data: text }).optional(),
  fileData: z.looseObject({ mimeType: text.optional(), fileUri: text }).optional(),
  functionCall: z.looseObject({ id: text.optional(), name: text, args: object.optional() }).optional(),
  functionResponse: z
    .looseObject({ id: text.optional(), name: text, response: object.optional() })
    .optional(),
});

const content = z
  .looseObject({ role: text.optional(), parts: z.array(part).default([]) })
  .meta({ id: 'GeminiContent' });
export type GeminiContent = z.output<typeof content>;
export type GeminiPart = z.output<typeof part>;

const declaration = z.looseObject({
  name: text.regex(TOOL_NAME, 'must be 1 to 128 letters, digits, or any of _ . : -'),
  description: text.optional(),
  parameters: object.optional(),
  parametersJsonSchema: object.optional(),
});

/** What the model reads: the part that `countTokens` shares with `generateContent`. */
const prompt = {
  contents: z.array(content).min(1).max(2_000),
  systemInstruction: content.optional(),
  tools: z
    .array(z.looseObject({ functionDeclarations: z.array(declaration).max(128).default([]) }))
    .optional(),
};

const generationConfig = z.strictObject({
  maxOutputTokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  topK: z.number().min(1).transform(Math.round).optional(),
  candidateCount: z.int().min(1).max(8).optional(),
  stopSequences: z.array(text).max(MAX_STOPS).optional(),
  seed: z.int().optional(),
  presencePenalty: z.number().min(-2).max(2).optional(),
  frequencyPenalty: z.number().min(-2).max(2).optional(),
  responseMimeType: z.enum(['text/plain', 'application/json']).optional(),
  responseSchema: object.optional(),
  responseJsonSchema: object.optional(),
  thinkingConfig: z
    .looseObject({ thinkingBudget: z.int().min(-1).optional(), thinkingLevel: text.optional() })
    .optional(),
});

export const generateContentRequest = z
  .strictObject({
    ...prompt,
    toolConfig: z
      .looseObject({
        functionCallingConfig: z
          .looseObject({ mode: text.optional(), allowedFunctionNames: z.array(text).optional() })
          .optional(),
      })
      .optional(),
    generationConfig: generationConfig.optional(),
    fit_budget: z.boolean().optional(),
    allow_degraded: z.boolean().optional(),
  })
  .meta({ id: 'GenerateContentRequest' });
export type GenerateContentRequest = z.output<typeof generateContentRequest>;

export const countContentTokensRequest = z
  .union([z.looseObject({ generateContentRequest: z.looseObject(prompt) }), z.looseObject(prompt)], {
    error: 'must have contents, or a generateContentRequest with contents',
  })
  .meta({ id: 'CountContentTokensRequest' });
export type CountContentTokensRequest = z.output<typeof countContentTokensRequest>;

const embedding = {
  content,
  taskType: z.enum(['TASK_TYPE_UNSPECIFIED', ...EMBEDDING_TASKS]).optional(),
  outputDimensionality: z.int().min(1).max(65_536).optional(),
};

export const embedContentRequest = z.strictObject(embedding).meta({ id: 'EmbedContentRequest' });
export type EmbedContentRequest = z.output<typeof embedContentRequest>;

export const batchEmbedContentsRequest = z
  .strictObject({ requests: z.array(z.strictObject(embedding)).min(1).max(100) })
  .meta({ id: 'BatchEmbedContentsRequest' });

export const generateContentResponse = z
  .looseObject({
    candidates: z.array(
      z.looseObject({
        content: z.looseObject({ role: text, parts: z.array(z.looseObject({})) }),
        finishReason: text.optional(),
        index: z.int(),
      }),
    ),
    usageMetadata: z
      .looseObject({
        promptTokenCount: z.int(),
        candidatesTokenCount: z.int(),
        totalTokenCount: z.int(),
      })
      .optional(),
    modelVersion: text,
    responseId: text,
  })
  .meta({ id: 'GenerateContentResponse' });

export const geminiModel = z
  .looseObject({
    name: text.describe('`models/` and the name.'),
    version: text,
    displayName: text,
    inputTokenLimit: z.int(),
    outputTokenLimit: z.int(),
    supportedGenerationMethods: z.array(text),
  })
  .meta({ id: 'GeminiModel' });
