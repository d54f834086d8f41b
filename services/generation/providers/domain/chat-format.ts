/**
 * Answers in OpenAI's format, which all providers are translated to
 * (https://platform.openai.com/docs/api-reference/chat/object and …/chat/streaming).
 */

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export type AnswerToolCall = {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
};

export type AnswerMessage = {
  role: 'assistant';
  content: string | null;
  refusal: string | null;
  /** Visible reasoning, under the name that DeepSeek introduced and others adopted. */
  reasoning_content?: string;
  tool_calls?: AnswerToolCall[];
};

export type AnswerUsage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number };
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
  }[];
  usage?: AnswerUsage;
};

export type ToolCallDelta = {
  index: number;
  id?: string;
  type?: 'function';
  function?: { name?: string; arguments?: string };
};

export type MessageDelta = {
  role?: 'assistant';
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string;
  tool_calls?: ToolCallDelta[];
};

export type ChatCompletionChunk = {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: { index: number; delta: MessageDelta; finish_reason: FinishReason | null }[];
  usage?: AnswerUsage | null;
};
