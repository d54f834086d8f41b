/** Builds answers in OpenAI's format, shared by the adapters of vendors with a format of their own. */
import type { Units } from '#libs/pricing/units.ts';
import { promptTokens } from '#libs/pricing/units.ts';
import type {
  AnswerToolCall,
  AnswerUsage,
  ChatCompletion,
  ChatCompletionChunk,
  FinishReason,
  MessageDelta,
} from './domain/chat-format.ts';
import { pieceOf, type ReportedUsage, type StreamPiece } from './domain/stream-piece.ts';

/** Metadata of an answer. */
export type AnswerHead = { id: string; model: string; createdAtSeconds: number };

/** What one choice of a complete answer contains. */
export type AnswerContent = { text: string; reasoning: string; toolCalls: AnswerToolCall[] };

export function choiceOf(
  index: number,
  { text, reasoning, toolCalls }: AnswerContent,
  finish: FinishReason,
): ChatCompletion['choices'][number] {
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && toolCalls.length > 0 ? null : text,
      refusal: null,
      ...(reasoning !== '' && { reasoning_content: reasoning }),
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    },
    logprobs: null,
    finish_reason: finish,
  };
}

export function completionOf(
  { id, model, createdAtSeconds }: AnswerHead,
  choices: ChatCompletion['choices'],
  units: Units | undefined,
): ChatCompletion {
  return {
    id,
    object: 'chat.completion',
    created: createdAtSeconds,
    model,
    choices,
    ...(units && { usage: toOpenAiUsage(units) }),
  };
}

type ChoiceState = { index?: number; finish?: FinishReason | null; stop?: string | undefined };

/** A piece with one change of one choice. */
export function deltaPiece(
  head: AnswerHead,
  delta: MessageDelta,
  { index = 0, finish = null, stop }: ChoiceState = {},
): StreamPiece {
  const choice = { index, delta, finish_reason: finish, ...(stop !== undefined && { stop_sequence: stop }) };
  return pieceOf(chunkOf(head, [choice]));
}

/** The last piece of a stream, with the usage for the client; none if the vendor reported none. */
export function lastPiece(head: AnswerHead, usage: ReportedUsage | undefined): readonly StreamPiece[] {
  return usage ? [pieceOf({ ...chunkOf(head, []), usage: toOpenAiUsage(usage.units) }, usage)] : [];
}

function chunkOf(
  { id, model, createdAtSeconds }: AnswerHead,
  choices: ChatCompletionChunk['choices'],
): ChatCompletionChunk {
  return { id, object: 'chat.completion.chunk', created: createdAtSeconds, model, choices };
}

/** Our disjoint classes in OpenAI's accounting: the prompt includes cached tokens, the completion includes reasoning. */
export function toOpenAiUsage(units: Units): AnswerUsage {
  const prompt = promptTokens(units);
  const written = (units.cache_write ?? 0) + (units.cache_write_1h ?? 0);
  const completion = (units.output ?? 0) + (units.reasoning ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: units.cache_read ?? 0,
      ...(written > 0 && { cache_write_tokens: written }),
      ...(units.input_audio && { audio_tokens: units.input_audio }),
      ...(units.cache_write_1h && { cache_write_1h_tokens: units.cache_write_1h }),
    },
    completion_tokens_details: { reasoning_tokens: units.reasoning ?? 0 },
  };
}
