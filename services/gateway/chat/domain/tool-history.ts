/** Fits the tool calls of earlier turns to what the provider of a model takes. */
import { createHash } from 'node:crypto';
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';

/** Ids of calls that providers take; others are replaced. A conversation may have begun with another provider. */
const TAKEN_IDS: Readonly<Record<string, RegExp>> = {
  anthropic: /^[a-zA-Z0-9_-]+$/,
  mistral: /^[a-zA-Z0-9]{9}$/,
  openai: /^.{1,40}$/,
};

/** @returns the same request if the provider takes all of it. */
export function fitToolHistory(body: ChatCompletionRequest, provider: string): ChatCompletionRequest {
  if (!body.messages.some(({ role }) => role === 'tool' || role === 'assistant')) return body;
  const messages = resultsFirst(body.messages).map((message) => fitMessage(message, provider));
  return messages.every((message, index) => message === body.messages[index]) ? body : { ...body, messages };
}

/** Results directly follow the message with their calls: providers refuse anything between. */
function resultsFirst(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const ordered: ChatMessage[] = [];
  let others: ChatMessage[] = [];
  for (const message of messages) {
    if (message.role === 'assistant') {
      ordered.push(...others, message);
      others = [];
    } else if (message.role === 'tool') ordered.push(message);
    else others.push(message);
  }
  return [...ordered, ...others];
}

function fitMessage(message: ChatMessage, provider: string): ChatMessage {
  if (message.role === 'tool') {
    const id = takenId(message.tool_call_id, provider);
    return id === message.tool_call_id ? message : { ...message, tool_call_id: id };
  }
  if (message.role !== 'assistant' || message.tool_calls === undefined) return message;
  const calls = message.tool_calls.map((call) => {
    const id = takenId(call.id, provider);
    if (id === call.id && (provider === 'gemini' || call.extra_content === undefined)) return call;
    const { extra_content: signature, ...plain } = call;
    return { ...plain, id, ...(provider === 'gemini' && signature && { extra_content: signature }) };
  });
  const isSame = calls.every((call, index) => call === message.tool_calls?.[index]);
  return isSame ? message : { ...message, tool_calls: calls };
}

const ID_LENGTH = 9;

function takenId(id: string, provider: string): string {
  const isTaken = TAKEN_IDS[provider]?.test(id) ?? true;
  return isTaken ? id : createHash('sha256').update(id).digest('hex').slice(0, ID_LENGTH);
}
