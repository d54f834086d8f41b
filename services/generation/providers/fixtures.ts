/** Chats, and providers at any address, for the tests of adapters and converters. */
import type { Dispatcher } from 'undici';
import { chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import type { ChatCompletionChunk } from './domain/chat-format.ts';
import type { ChatSource } from './domain/chat-source.ts';
import type { CallContext, NormalisedChat } from './domain/provider-adapter.ts';
import { ProviderError } from './domain/provider-error.ts';
import type { ProviderKey, Providers } from './domain/providers.ts';
import type { ReportedUsage } from './domain/stream-piece.ts';
import { createProviders } from './providers.ts';

/** One provider at an address, which contains `/v1` where the provider's does. */
export function providersAt(provider: ProviderKey, baseUrl: string, dispatcher: Dispatcher): Providers {
  const access = { [provider]: { baseUrl, apiKey: 'sk-test' } };
  return createProviders({ access, dispatcher, runtime: createFakeRuntime() });
}

/** A stream as a client and the meter see it. */
export async function readStream(source: ChatSource, chat: NormalisedChat, context = callContext()) {
  const usages: ReportedUsage[] = [];
  let sent = '';
  let text = '';
  let reasoning = '';
  let usageEvent = '';
  let error: ProviderError | undefined;
  try {
    await source.chatStream(chat, context, (piece) => {
      sent += piece.bytes ?? '';
      text += piece.text;
      reasoning += piece.reasoning;
      usageEvent = piece.usageEvent ?? usageEvent;
      if (piece.usage) usages.push(piece.usage);
      return undefined;
    });
  } catch (thrown) {
    if (!(thrown instanceof ProviderError)) throw thrown;
    error = thrown;
  }
  return { sent, chunks: chunksIn(sent), text, reasoning, usage: usages.at(-1), usages, usageEvent, error };
}

/** The chunks in events as they leave: one line each. */
export function chunksIn(events: string): ChatCompletionChunk[] {
  return events
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => JSON.parse(event.replace(/^data: /, '')) as ChatCompletionChunk);
}

/** A chat whose body is valid by the contract. */
export function chatWith(body: object, more: Partial<NormalisedChat> = {}): NormalisedChat {
  return {
    body: chatCompletionRequest.parse({ model: 'x', messages: [{ role: 'user', content: 'Hi' }], ...body }),
    model: 'our-model',
    upstreamModel: 'their-model',
    outputTokens: 100,
    choices: 1,
    ...more,
  };
}

export function callContext(more: Partial<CallContext> = {}): CallContext {
  return {
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    idleTimeoutMs: 10_000,
    callId: 'request/0',
    trace: { requestBytes: 0, providerRequestId: null, serviceTier: null, isInFlight: false },
    ...more,
  };
}

export const PIXEL = 'iVBORw0KGgo=';

/** A conversation with instructions, an image, two tool calls and their results. */
export const CONVERSATION = [
  { role: 'system', content: 'Be brief.' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
    ],
  },
  {
    role: 'assistant',
    content: 'Let me see.',
    tool_calls: [
      { id: 't1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } },
      { id: 't2', type: 'function', function: { name: 'listen', arguments: '' } },
    ],
  },
  { role: 'tool', tool_call_id: 't1', content: '{"seen":"blue"}' },
  { role: 'tool', tool_call_id: 't2', content: 'wind' },
  { role: 'developer', content: [{ type: 'text', text: 'In English.' }] },
  { role: 'user', content: 'And now?' },
];

export const TOOL = {
  type: 'function',
  function: {
    name: 'look',
    description: 'Looks somewhere.',
    parameters: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
  },
};

/** The pattern of an expected failure. */
export function providerError(fields: object): { name: string } {
  return { name: 'ProviderError', ...fields };
}
