import { piecesOf, reasonsByItself } from './answer.ts';
import { type Answer, type Call, type Dialect, type Finish, type Frame, Refusal } from './dialect.ts';
import {
  isObject,
  type JsonObject,
  objectOr,
  objectsOf,
  optionalInteger,
  optionalText,
  textOr,
} from './json.ts';
import { promptTokens, type Usage } from './usage.ts';
import { countGeminiAudio, countGeminiPrompt } from './vendor-tokens/gemini-prompt.ts';
import { windowOf } from './vendor-tokens/media-tokens.ts';
import { unpublishedCounter } from './vendor-tokens/text-tokens.ts';

/** https://ai.google.dev/gemini-api/docs/tokens: an image of up to 384 pixels a side */
const imageTokens = 258;

/**
 * Gemini's `generateContent` and `streamGenerateContent`.
 * @see https://ai.google.dev/api/generate-content
 */
export const geminiDialect: Dialect = {
  provider: 'gemini',
  idPrefix: '',
  requestIdHeader: 'x-request-id',
  credential: ({ headers, query }) =>
    optionalText(headers['x-goog-api-key']) ?? (new URLSearchParams(query).get('key') || undefined),
  read(body, { model, stream, query }) {
    if (stream && !/(^|&)alt=sse(&|$)/.test(query)) {
      throw new Refusal(400, 'This simulator streams server-sent events only: add alt=sse.');
    }
    return readContents(objectOr(body), model, stream);
  },
  writeAnswer: (answer) => JSON.stringify(writeResponse(answer, writeCandidates(answer), answer.usage)),
  writeFrames,
  writeRefusal: ({ status, message, retryAfterMs }) =>
    JSON.stringify({
      error: {
        code: status,
        message,
        status: statusNames[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT'),
        ...(retryAfterMs !== undefined && { details: [writeRetryInfo(retryAfterMs)] }),
      },
    }),
};

/** https://cloud.google.com/apis/design/errors */
const statusNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

function writeRetryInfo(retryAfterMs: number) {
  return { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfterMs / 1000}s` };
}

function readContents(request: JsonObject, model: string, stream: boolean): Call {
  const contents = objectsOf(request.contents);
  if (contents.length === 0) {
    throw new Refusal(400, '* GenerateContentRequest.contents: contents is not specified');
  }
  const config = objectOr(request.generationConfig);
  const calling = objectOr(objectOr(request.toolConfig).functionCallingConfig);
  const thinkingBudget = objectOr(config.thinkingConfig).thinkingBudget;
  return {
    model,
    stream,
    cap: optionalInteger(config.maxOutputTokens, 'maxOutputTokens'),
    choices: optionalInteger(config.candidateCount, 'candidateCount', { max: 8 }) ?? 1,
    prompt: readPrompt(request, contents),
    countPrompt: (mode) => countGeminiPrompt(request, mode),
    countAudio: (mode) => countGeminiAudio(request, mode),
    window: windowOf('gemini', model),
    countText: (text) => unpublishedCounter('documented', 1)(text),
    tools: objectsOf(request.tools)
      .flatMap((tool) => objectsOf(tool.functionDeclarations))
      .map((tool) => ({
        name: textOr(tool.name),
        schema: objectOr(tool.parameters ?? tool.parametersJsonSchema),
      })),
    toolChoice: readToolChoice(calling),
    outputSchema:
      config.responseMimeType === 'application/json'
        ? objectOr(config.responseSchema ?? config.responseJsonSchema)
        : undefined,
    reasons: reasonsByItself(model) && thinkingBudget !== 0,
    usageInStream: true,
    cachesByItself: true,
    images: 0,
    endUser: undefined,
  };
}

function readToolChoice(calling: JsonObject): Call['toolChoice'] {
  const mode = textOr(calling.mode).toUpperCase();
  if (mode === 'NONE') return 'none';
  if (mode !== 'ANY') return 'auto';
  const allowed = calling.allowedFunctionNames;
  const name = Array.isArray(allowed) ? optionalText(allowed[0]) : undefined;
  return name === undefined ? 'required' : { name };
}

function readPrompt(request: JsonObject, contents: readonly JsonObject[]): Call['prompt'] {
  const parts = Array.isArray(request.tools) ? [JSON.stringify(request.tools)] : [];
  const instruction = request.systemInstruction;
  const system =
    typeof instruction === 'string'
      ? instruction
      : [objectOr(instruction), ...objectsOf(objectOr(instruction).parts)].map(partText).join('');
  if (system !== '') parts.push(system);
  let images = 0;
  let user = '';
  let toolResult: string | undefined;
  for (const content of contents) {
    const pieces = objectsOf(content.parts);
    const text = pieces.map(partText).filter(Boolean).join('\n');
    const response = pieces.find((piece) => isObject(piece.functionResponse));
    images += pieces.filter((piece) => isObject(piece.inlineData) || isObject(piece.fileData)).length;
    parts.push(text);
    toolResult = response && JSON.stringify(objectOr(response.functionResponse).response);
    if (content.role !== 'model' && !response) user = text;
  }
  return {
    parts,
    imageTokens: images * imageTokens,
    system,
    user,
    toolResult,
    cacheMarks: [],
    cacheForAnHour: false,
  };
}

function partText(part: JsonObject): string {
  if (typeof part.text === 'string') return part.text;
  const structured = part.functionCall ?? part.functionResponse;
  return structured === undefined ? '' : JSON.stringify(structured);
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool: 'STOP',
  filtered: 'SAFETY',
};

/** Gemini's candidates exclude thoughts; its prompt includes cached content. */
function writeUsage(usage: Usage, sentTokens = usage.output): JsonObject {
  const prompt = promptTokens(usage);
  const outputTokens = Math.min(sentTokens, usage.output);
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: outputTokens,
    totalTokenCount: prompt + outputTokens + usage.reasoning,
    ...(usage.cacheRead > 0 && { cachedContentTokenCount: usage.cacheRead }),
    ...(usage.reasoning > 0 && { thoughtsTokenCount: usage.reasoning }),
    promptTokensDetails: [
      { modality: 'TEXT', tokenCount: prompt - usage.audio },
      ...(usage.audio > 0 ? [{ modality: 'AUDIO', tokenCount: usage.audio }] : []),
    ],
  };
}

function writeResponse(answer: Answer, candidates: unknown, usage: Usage, outputTokens?: number) {
  return {
    candidates,
    ...(answer.reportsUsage && { usageMetadata: writeUsage(usage, outputTokens) }),
    modelVersion: answer.model,
    responseId: answer.id,
  };
}

const safetyRatings = [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true }];

function writeCandidates({ choices }: Answer): JsonObject[] {
  return choices.map(({ text, toolCall, finish }, index) => ({
    ...(finish === 'filtered'
      ? { safetyRatings }
      : { content: { parts: [toolCall ? writeFunctionCall(toolCall) : { text }], role: 'model' } }),
    finishReason: finishReasons[finish],
    index,
  }));
}

function writeFunctionCall({ name, arguments: text }: { name: string; arguments: string }): JsonObject {
  try {
    return { functionCall: { name, args: JSON.parse(text) } };
  } catch {
    // arguments that the cap cut short
    return { text };
  }
}

function writeFrames(answer: Answer): Frame[] {
  const { choices, usage } = answer;
  const frames: Frame[] = [];
  let outputTokens = 0;
  const push = (candidates: unknown, isLast: boolean) => {
    const reported = isLast ? usage.output : outputTokens;
    const payload = JSON.stringify(writeResponse(answer, candidates, usage, reported));
    frames.push({ text: `data: ${payload}\r\n\r\n`, outputTokens, isUsage: isLast });
  };

  const whole = writeCandidates(answer);
  choices.forEach((choice, index) => {
    const before = outputTokens;
    const isLastChoice = index === choices.length - 1;
    // a function call is never cut in pieces, nor is there anything to cut in what was filtered
    if (choice.toolCall || choice.finish === 'filtered') {
      outputTokens = before + choice.tokens;
      push([whole[index]], isLastChoice);
      return;
    }
    const pieces = piecesOf(choice, answer.pieces);
    pieces.forEach((piece, turn) => {
      outputTokens = before + piece.tokens;
      const content = { parts: [{ text: piece.text }], role: 'model' };
      const last = turn === pieces.length - 1;
      const candidate = { content, ...(last && { finishReason: finishReasons[choice.finish] }), index };
      push([candidate], last && isLastChoice);
    });
  });
  return frames;
}
