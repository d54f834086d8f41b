import type { Units } from '#libs/pricing/units.ts';
import type { AnswerMessage, ChatCompletion, ChatCompletionChunk, MessageDelta } from './chat-format.ts';

/** Usage that a provider reported. Only final figures are complete; earlier ones may lack output. */
export type ReportedUsage = { units: Units; final: boolean };

/** A piece of a streamed answer: its bytes for the client, and what is metered of it. */
export type StreamPiece = {
  /** Complete events for the client; null if there is nothing to forward. */
  readonly bytes: string | null;
  /** The model's output, including tool calls. It is counted if the provider reports no usage. */
  readonly text: string;
  /** Visible reasoning. */
  readonly reasoning: string;
  /** Part of a tool call, which is billed for more tokens than its text has. */
  readonly hasToolCall?: boolean;
  readonly usage?: ReportedUsage;
  /** An event with only usage, for clients that requested it. */
  readonly usageEvent?: string;
};

/** Nothing but a sign that the provider is working. */
export const SIGN_OF_LIFE: StreamPiece = { bytes: null, text: '', reasoning: '' };

/** A chunk as a piece. @param json the chunk as it is sent. */
export function pieceOf(
  chunk: ChatCompletionChunk,
  usage?: ReportedUsage | undefined,
  json = JSON.stringify(chunk),
): StreamPiece {
  const event = dataEvent(json);
  const isUsageAlone = chunk.choices.length === 0;
  return {
    bytes: isUsageAlone ? null : event,
    text: writtenText(chunk),
    reasoning: writtenReasoning(chunk),
    ...(chunk.choices.some(isToolCall) && { hasToolCall: true }),
    ...(usage && { usage }),
    ...(isUsageAlone && chunk.usage && { usageEvent: event }),
  };
}

/** A piece with only usage that the provider reported; none if it reported none. */
export function usageOnly(usage: ReportedUsage | undefined): readonly StreamPiece[] {
  return usage ? [{ ...SIGN_OF_LIFE, usage }] : [];
}

/** The model's output in a chunk, over all choices. */
export function writtenText({ choices }: Pick<ChatCompletionChunk, 'choices'>): string {
  let text = '';
  for (const { delta } of choices) text += textIn(delta);
  return text;
}

export function writtenReasoning({ choices }: Pick<ChatCompletionChunk, 'choices'>): string {
  let text = '';
  for (const { delta } of choices) text += reasoningIn(delta);
  return text;
}

/** The model's output in a complete answer, over all choices. */
export function outputOf({ choices }: Pick<ChatCompletion, 'choices'>): { text: string; reasoning: string } {
  let text = '';
  let reasoning = '';
  for (const { message } of choices) {
    text += textIn(message);
    reasoning += reasoningIn(message);
  }
  return { text, reasoning };
}

function isToolCall({ delta }: { delta: Written }): boolean {
  return Boolean(delta.tool_calls?.length || delta.function_call);
}

type Written = (MessageDelta | AnswerMessage) & {
  /** Visible reasoning under another vendor's name. */
  reasoning?: string | null;
  /** The predecessor of `tool_calls`. */
  function_call?: { name?: string; arguments?: string } | null;
};

function textIn({ content, refusal, tool_calls: calls, function_call: call }: Written): string {
  let text = (content ?? '') + (refusal ?? '');
  for (const { function: called } of calls ?? []) text += (called?.name ?? '') + (called?.arguments ?? '');
  return text + (call?.name ?? '') + (call?.arguments ?? '');
}

/** Vendors disagree on the name of the field, and some send both. */
function reasoningIn({ reasoning_content: deepSeek, reasoning: others }: Written): string {
  return deepSeek || others || '';
}

/** A server-sent event in OpenAI's format. */
export function chunkEvent(chunk: unknown): string {
  return dataEvent(JSON.stringify(chunk));
}

/** Line breaks in JSON are only between its tokens. */
function dataEvent(json: string): string {
  return `data: ${/[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, ' ') : json}\n\n`;
}
