import type { ChatCompletionChunk } from './chat-format.ts';
import type { ReportedUsage } from './provider-adapter.ts';

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
  for (const { delta } of choices) {
    if (delta?.content) text += delta.content;
    if (delta?.refusal) text += delta.refusal;
    if (!delta?.tool_calls) continue;
    for (const call of delta.tool_calls)
      text += (call.function?.name ?? '') + (call.function?.arguments ?? '');
  }
  return text;
}

export function writtenReasoning({ choices }: Pick<ChatCompletionChunk, 'choices'>): string {
  let text = '';
  for (const { delta } of choices) if (delta?.reasoning_content) text += delta.reasoning_content;
  return text;
}

/** A server-sent event in OpenAI's format. */
export function chunkEvent(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
