import t from 'tap';
import { messagesRequest } from '#libs/contracts/messages.ts';
import { checkMessageFields } from './check-fields.ts';
import { toChat } from './request.ts';

const mark = { type: 'ephemeral', ttl: '1h' } as const;

t.test('a whole conversation becomes a chat', async (t) => {
  const request = messagesRequest.parse({
    model: 'm',
    max_tokens: 50,
    stream: true,
    system: [{ type: 'text', text: 'Be brief.', cache_control: mark }],
    stop_sequences: ['END'],
    metadata: { user_id: 'u'.repeat(600) },
    tools: [{ name: 'look', description: null, input_schema: { type: 'object' }, cache_control: mark }],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 2000 },
    messages: [
      { role: 'user', content: 'What is this?' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 's' },
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 't1', name: 'look', input: { at: 'sky' } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 't1',
            is_error: true,
            content: [
              { type: 'text', text: 'fog' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
            ],
          },
          { type: 'document', title: 'Notes', source: { type: 'text', data: 'blue' } },
          { type: 'text', text: 'And now?', cache_control: mark },
        ],
      },
    ],
  });
  t.strictSame(toChat(request), {
    model: 'm',
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'Be brief.', cache_control: mark }] },
      { role: 'user', content: 'What is this?' },
      {
        role: 'assistant',
        content: [{ type: 'text', text: 'Let me see.' }],
        thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }],
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } }],
      },
      {
        role: 'tool',
        tool_call_id: 't1',
        content: [
          { type: 'text', text: 'fog' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
        is_error: true,
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Notes\n\nblue' },
          { type: 'text', text: 'And now?', cache_control: mark },
        ],
      },
    ],
    tools: [
      {
        type: 'function',
        function: { name: 'look', parameters: { type: 'object' } },
        cache_control: mark,
      },
    ],
    tool_choice: 'required',
    parallel_tool_calls: false,
    thinking: { type: 'enabled', budget_tokens: 2000 },
    max_tokens: 50,
    stream: true,
    stream_options: { include_usage: true },
    stop: ['END'],
    user: 'u'.repeat(512),
  });
});

t.test('a mark of the whole request stands on its last message', async (t) => {
  const messages = [
    { role: 'user' as const, content: 'one' },
    { role: 'user' as const, content: 'two' },
  ];
  const request = messagesRequest.parse({ model: 'm', max_tokens: 5, cache_control: mark, messages });
  t.strictSame(toChat(request).messages, [
    { role: 'user', content: 'one' },
    { role: 'user', content: 'two', cache_control: mark },
  ]);
});

t.test('what the tools of a provider did in earlier turns is left out, and named', async (t) => {
  const body = {
    messages: [
      {
        role: 'assistant',
        content: [
          { type: 'server_tool_use', id: 's1', name: 'web_search', input: {} },
          { type: 'web_search_tool_result', tool_use_id: 's1', content: [] },
          { type: 'text', text: 'Found.' },
          { type: 'tool_use', id: 't1', name: 'find_tool', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'tool_reference', tool_name: 'f' }] },
        ],
      },
    ],
  };
  t.strictSame(checkMessageFields(body), ['server_tool_use']);
  t.match(body.messages[0]?.content, [{ type: 'text' }, { type: 'tool_use' }]);
  t.match(body.messages[1]?.content, [{ content: [{ type: 'text', text: 'f' }] }]);
});
