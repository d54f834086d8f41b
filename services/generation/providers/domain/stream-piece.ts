import type { AnswerMessage, ChatCompletion, ChatCompletionChunk, MessageDelta } from './chat-format.ts';
import type { ReportedUsage } from './provider-adapter.ts';

type Written = (MessageDelta | AnswerMessage) & { reasoning?: unknown };

type ContentPart = { type?: unknown; text?: unknown; thinking?: unknown } | null;

/** A piece of a streamed answer: its bytes for the client, and what is metered of it. */
export type StreamPiece = {
  /** Complete events for the client; null if there is nothing to forward. */
  readonly bytes: Uint8Array | string | null;
  /** The model's output, including tool calls. It is counted if the provider reports no usage. */
  readonly text: string;
  /** Visible reasoning. */
  readonly reasoning: string;
  readonly usage?: ReportedUsage;
  /** An event with only usage, for clients that requested it. */
  readonly usageEvent?: string;
};

/** The model's output in a chunk, over all choices. */
export function writtenText({ choices }: Pick<ChatCompletionChunk, 'choices'>): string {
  let text = '';
  for (const { delta } of choices) if (delta) text += textIn(delta);
  return text;
}

export function writtenReasoning({ choices }: Pick<ChatCompletionChunk, 'choices'>): string {
  let text = '';
  for (const { delta } of choices) if (delta) text += reasoningIn(delta);
  return text;
}

/** The model's output in a complete answer, over all choices. */
export function outputOf({ choices }: Pick<ChatCompletion, 'choices'>): { text: string; reasoning: string } {
  let text = '';
  let reasoning = '';
  for (const { message } of choices) {
    if (!message) continue;
    text += textIn(message);
    reasoning += reasoningIn(message);
  }
  return { text, reasoning };
}

function textIn({ content, refusal, tool_calls: calls }: Written): string {
  let text = typeof content === 'string' ? content : textOfParts(content, 'text');
  if (refusal) text += refusal;
  for (const call of calls ?? []) text += (call.function?.name ?? '') + (call.function?.arguments ?? '');
  return text;
}

/** Vendors disagree on the name of the field; Mistral sends thinking as parts of the content. */
function reasoningIn({ content, reasoning_content: deepSeek, reasoning: others }: Written): string {
  const own = deepSeek || (typeof others === 'string' ? others : '');
  return typeof content === 'string' || !content ? own : own + textOfParts(content, 'thinking');
}

function textOfParts(content: unknown, type: 'text' | 'thinking'): string {
  if (!Array.isArray(content)) return '';
  let text = '';
  for (const part of content as readonly ContentPart[]) {
    if (part?.type !== type) continue;
    const value = part[type];
    text += typeof value === 'string' ? value : textOfParts(value, 'text');
  }
  return text;
}

/** A server-sent event in OpenAI's format. */
export function chunkEvent(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
