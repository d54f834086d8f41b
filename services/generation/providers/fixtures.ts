/** Chats for the tests of adapters and converters. */
import { chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CallContext, NormalisedChat } from './domain/provider-adapter.ts';

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
    trace: { requestBytes: 0, providerRequestId: null, serviceTier: null, isInFlight: true },
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
