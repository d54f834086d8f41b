import type { ChatCompletionChunk } from './chat-format.ts';
import type { ReportedUsage } from './provider-adapter.ts';

/** What a piece of a streamed answer means for the client and for the books, whichever path it came on. */
export type StreamPiece = {
  /** Whole events for the client; null where there is nothing to forward. */
  readonly bytes: Uint8Array | string | null;
  /** What the model wrote, tool calls included: counted where the provider does not say. */
  readonly text: string;
  /** Thinking that was shown. */
  readonly reasoning: string;
  readonly usage?: ReportedUsage;
  /** An event with usage and nothing else, for clients that asked for it. */
  readonly usageEvent?: string;
};

/** What the model wrote in a chunk, over all choices. */
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

/** An event as OpenAI writes it. */
export function chunkEvent(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
