/**
 * Answers in OpenAI's format, which all providers are translated to
 * (https://platform.openai.com/docs/api-reference/chat/object and …/chat/streaming).
 */

import type { z } from 'zod';
import type { SignedByGoogle, thinkingBlock } from './chat-completions.ts';

export type ThinkingBlock = z.infer<typeof thinkingBlock>;

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export type AnswerToolCall = {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
  extra_content?: SignedByGoogle;
};

export type AnswerMessage = {
  role: 'assistant';
  content: string | null;
  refusal: string | null;
  /** Visible reasoning, under the name that DeepSeek introduced and others adopted. */
  reasoning_content?: string;
  /** The same for Claude, signed. */
  thinking_blocks?: ThinkingBlock[];
  tool_calls?: AnswerToolCall[];
};

export type AnswerUsage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Tokens written to a cache for an hour are part of those written. */
  prompt_tokens_details?: {
    cached_tokens?: number;
    cache_write_tokens?: number;
    cache_write_1h_tokens?: number;
    audio_tokens?: number;
  };
  completion_tokens_details?: { reasoning_tokens?: number };
};

export type ChatCompletion = {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: {
    index: number;
    message: AnswerMessage;
    logprobs: null;
    finish_reason: FinishReason | null;
    /** The stop sequence that ended the answer, where the provider names it. */
    stop_sequence?: string;
  }[];
  usage?: AnswerUsage;
};

export type ToolCallDelta = {
  index: number;
  id?: string;
  type?: 'function';
  function?: { name?: string; arguments?: string };
  extra_content?: SignedByGoogle;
};

export type MessageDelta = {
  role?: 'assistant';
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string;
  /** A signature with an empty text signs the reasoning before it. */
  thinking_blocks?: ThinkingBlock[];
  tool_calls?: ToolCallDelta[];
};

export type ChatCompletionChunk = {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: {
    index: number;
    delta: MessageDelta;
    finish_reason: FinishReason | null;
    stop_sequence?: string;
  }[];
  usage?: AnswerUsage | null;
};
