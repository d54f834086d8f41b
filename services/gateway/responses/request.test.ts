import t from 'tap';
import { type ConversationItem, responsesRequest } from '#libs/contracts/responses.ts';
import { conversationOf, itemIdOf, responseIdOf, type StoredConversation } from './domain/conversation.ts';
import { encodeThoughts } from './domain/thoughts.ts';
import { toChat } from './request.ts';

const request = (more: object = {}) => responsesRequest.parse({ model: 'm', input: 'hi', ...more });
const nothing = async () => undefined;

t.test('items become the messages of a chat', async (t) => {
  const thoughts = [{ type: 'thinking' as const, thinking: 'Hm.', signature: 's' }];
  const given = request({
    instructions: 'Be brief.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What?' },
          { type: 'input_image', image_url: 'https://x/y' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: encodeThoughts(thoughts) },
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Let me see.', annotations: [] }],
      },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
      { type: 'function_call', call_id: 'c2', name: 'listen', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'sky' },
      { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'wind' }] },
    ],
  });
  t.strictSame(toChat(given, await conversationOf(given, nothing)).messages, [
    { role: 'developer', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What?' },
        { type: 'image_url', image_url: { url: 'https://x/y' } },
      ],
    },
    {
      role: 'assistant',
      content: 'Let me see.',
      thinking_blocks: thoughts,
      tool_calls: [
        { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } },
        { id: 'c2', type: 'function', function: { name: 'listen', arguments: '{}' } },
      ],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'sky' },
    { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: 'wind' }] },
  ]);
});

t.test('reasoning of others is left out', async (t) => {
  const given = request({
    input: [
      { type: 'reasoning', encrypted_content: 'gAAAA' },
      { role: 'user', content: 'hi' },
    ],
  });
  t.strictSame(toChat(given, await conversationOf(given, nothing)).messages, [
    { role: 'user', content: 'hi' },
  ]);
});

t.test('a conversation continues a stored response, and references are replaced', async (t) => {
  const id = responseIdOf('019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e');
  t.equal(id, 'resp_019e3f5e6f2a7c319d528a4f0b6c1d2e');
  const answer: ConversationItem = {
    type: 'message',
    id: itemIdOf(id, 'msg', 1),
    role: 'assistant',
    content: 'yes',
  };
  const question: ConversationItem = { type: 'message', role: 'user', content: 'ready?' };
  const find = async (wanted: string) =>
    wanted === id ? ({ items: [question, answer] } as unknown as StoredConversation) : undefined;
  const next = { type: 'message' as const, role: 'user' as const, content: 'go' };

  t.strictSame(await conversationOf({ previous_response_id: id, input: 'go' }, find), [
    question,
    answer,
    next,
  ]);
  const reference = { type: 'item_reference' as const, id: answer.id ?? '' };
  t.strictSame(await conversationOf({ input: [reference, next] }, find), [answer, next]);
  const lost = { type: 'item_reference' as const, id: 'msg_unknown' };
  await t.rejects(conversationOf({ input: [lost] }, find), {
    code: 'invalid_request',
    fields: { param: 'input.0.id' },
  });
});
