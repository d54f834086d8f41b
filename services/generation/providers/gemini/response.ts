import type {
  AnswerToolCall,
  ChatCompletion,
  ChatCompletionChunk,
  FinishReason,
  MessageDelta,
} from '../domain/chat-format.ts';
import type { ChatDelta } from '../domain/provider-adapter.ts';
import { endedEarly, ProviderError } from '../domain/provider-error.ts';
import { largerUsage } from '../token-count.ts';
import { toOpenAiUsage } from '../usage-format.ts';
import { geminiUnits } from './usage.ts';
import type { GeminiCandidate, GeminiResponse } from './wire.ts';

/** https://ai.google.dev/api/generate-content#FinishReason. Any other reason is a normal end. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
};

function finishOf(reason: string, hasToolCalls: boolean): FinishReason {
  return FINISH_REASONS[reason] ?? (hasToolCalls ? 'tool_calls' : 'stop');
}

/** Metadata of an answer. `newId` is used where Gemini returned no id. */
export type AnswerHead = { model: string; createdAtSeconds: number; newId: () => string };

type ReadParts = { text: string; thoughts: string; calls: Omit<AnswerToolCall, 'id'>[] };

function readParts({ content }: GeminiCandidate): ReadParts {
  const read: ReadParts = { text: '', thoughts: '', calls: [] };
  for (const part of content?.parts ?? []) {
    if (part.functionCall) {
      const { name, args } = part.functionCall;
      read.calls.push({ type: 'function', function: { name, arguments: JSON.stringify(args ?? {}) } });
    } else if (part.thought) read.thoughts += part.text ?? '';
    else read.text += part.text ?? '';
  }
  return read;
}

/** A blocked prompt has no candidates, but is a complete answer. */
function candidatesOf({ candidates, promptFeedback }: GeminiResponse): GeminiCandidate[] | undefined {
  if (candidates?.length) return candidates;
  return promptFeedback?.blockReason ? [{ index: 0, finishReason: 'SAFETY' }] : undefined;
}

/** @throws ProviderError `malformed` if it has no candidates. */
export function fromGeminiResponse(response: GeminiResponse, head: AnswerHead): ChatCompletion {
  const candidates = candidatesOf(response);
  if (candidates === undefined) {
    throw new ProviderError('malformed', "The provider's answer has no candidates.");
  }
  const units = geminiUnits(response.usageMetadata);
  return {
    id: response.responseId ?? head.newId(),
    object: 'chat.completion',
    created: head.createdAtSeconds,
    model: head.model,
    choices: candidates.map((candidate, position) => {
      const { text, thoughts, calls } = readParts(candidate);
      const toolCalls = calls.map((call) => ({ id: `call_${head.newId()}`, ...call }));
      return {
        index: candidate.index ?? position,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          ...(thoughts !== '' && { reasoning_content: thoughts }),
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finishOf(candidate.finishReason ?? 'STOP', toolCalls.length > 0),
      };
    }),
    ...(units && { usage: toOpenAiUsage(units) }),
  };
}

export type StreamTranslator = {
  readonly translate: (response: GeminiResponse) => ChatDelta[];
  /** The last chunks, after the provider's stream ended. @throws ProviderError `broken` if the answer is incomplete. */
  readonly finish: () => ChatDelta[];
};

/**
 * Translates one stream. Gemini reports growing usage with every piece. It is final when the stream has ended, and only
 * then sent to the client.
 */
export function createStreamTranslator(head: AnswerHead): StreamTranslator {
  let id: string | undefined;
  let usageMetadata: unknown;
  let isFinished = false;
  const toolCallCounts = new Map<number, number>();

  const chunkOf = (choices: ChatCompletionChunk['choices']): ChatCompletionChunk => {
    id ??= head.newId();
    return {
      id,
      object: 'chat.completion.chunk',
      created: head.createdAtSeconds,
      model: head.model,
      choices,
    };
  };

  function choicesOf(candidate: GeminiCandidate, position: number): ChatCompletionChunk['choices'] {
    const index = candidate.index ?? position;
    const { text, thoughts, calls } = readParts(candidate);
    const known = toolCallCounts.get(index);
    const count = known ?? 0;
    toolCallCounts.set(index, count + calls.length);
    const delta: MessageDelta = {
      ...(known === undefined && { role: 'assistant', content: '' }),
      ...(text !== '' && { content: text }),
      ...(thoughts !== '' && { reasoning_content: thoughts }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, at) => ({ index: count + at, id: `call_${head.newId()}`, ...call })),
      }),
    };
    const choices: ChatCompletionChunk['choices'] = [];
    if (Object.keys(delta).length > 0) choices.push({ index, delta, finish_reason: null });
    if (candidate.finishReason) {
      isFinished = true;
      const finish = finishOf(candidate.finishReason, count + calls.length > 0);
      choices.push({ index, delta: {}, finish_reason: finish });
    }
    return choices;
  }

  return {
    translate(response) {
      id ??= response.responseId;
      usageMetadata = largerUsage(usageMetadata, response.usageMetadata);
      const units = geminiUnits(response.usageMetadata && usageMetadata);
      const deltas: ChatDelta[] = (candidatesOf(response) ?? [])
        .flatMap(choicesOf)
        .map((choice) => ({ chunk: chunkOf([choice]) }));
      if (units !== undefined) deltas.push({ usage: { units, final: false } });
      return deltas;
    },
    finish() {
      if (!isFinished) {
        throw endedEarly();
      }
      const units = geminiUnits(usageMetadata);
      if (units === undefined) return [];
      return [{ chunk: { ...chunkOf([]), usage: toOpenAiUsage(units) }, usage: { units, final: true } }];
    },
  };
}
