/** Answers in Gemini's form (https://ai.google.dev/api/generate-content#generatecontentresponse). */
import type {
  AnswerToolCall,
  AnswerUsage,
  ChatCompletion,
  FinishReason,
} from '#libs/contracts/chat-answers.ts';
import { visibleReasoning, visibleText } from '../chat/domain/answer-text.ts';

const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
};

export type AnswerPart = object;

export function finishReasonOf(reason: FinishReason | null): string {
  return FINISH_REASONS[reason ?? 'stop'] ?? 'STOP';
}

export function textParts(text: string, thought: string): AnswerPart[] {
  return [...(thought === '' ? [] : [{ text: thought, thought: true }]), ...(text === '' ? [] : [{ text }])];
}

export function callPart({ id, function: called, extra_content: extra }: AnswerToolCall): AnswerPart {
  return {
    functionCall: { id, name: called.name, args: argumentsOf(called.arguments) },
    ...(extra && { thoughtSignature: extra.google.thought_signature }),
  };
}

/** Arguments that are not an object, for example because the cap cut them short, are left out. */
function argumentsOf(text: string): object {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

export function candidateOf(index: number, parts: readonly AnswerPart[], finishReason?: string): object {
  const content = { role: 'model', parts: parts.length > 0 ? parts : [{ text: '' }] };
  return { content, ...(finishReason !== undefined && { finishReason }), index };
}

/** Gemini counts thoughts separately from what is visible. */
export function usageOf(usage: AnswerUsage | null | undefined): { usageMetadata?: object } {
  if (!usage) return {};
  const { prompt_tokens: prompt, completion_tokens: completion } = usage;
  const { cached_tokens: cached = 0 } = usage.prompt_tokens_details ?? {};
  const { reasoning_tokens: thoughts = 0 } = usage.completion_tokens_details ?? {};
  return {
    usageMetadata: {
      promptTokenCount: prompt,
      candidatesTokenCount: Math.max(0, completion - thoughts),
      totalTokenCount: prompt + completion,
      ...(cached > 0 && { cachedContentTokenCount: cached }),
      ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
    },
  };
}

export function toResponse({ id, model, choices, usage }: ChatCompletion): object {
  return {
    candidates: choices.map(({ index, message, finish_reason }) => {
      const parts = textParts(visibleText(message), visibleReasoning(message));
      const calls = (message.tool_calls ?? []).map(callPart);
      return candidateOf(index, [...parts, ...calls], finishReasonOf(finish_reason));
    }),
    ...usageOf(usage),
    modelVersion: model,
    responseId: id,
  };
}
