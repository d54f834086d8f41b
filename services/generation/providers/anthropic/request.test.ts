import t from 'tap';
import { mp3OfBytes, pdfOfPages } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { CONVERSATION, chatWith, PIXEL, providerError, TOOL } from '../fixtures.ts';
import { toAnthropicRequest } from './request.ts';

t.test('a whole conversation is translated', async (t) => {
  t.strictSame(toAnthropicRequest(chatWith({ messages: CONVERSATION, tools: [TOOL] })), {
    model: 'their-model',
    max_tokens: 100,
    service_tier: 'standard_only',
    system: 'Be brief.\n\nIn English.',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 't1', name: 'look', input: { at: 'sky' } },
          { type: 'tool_use', id: 't2', name: 'listen', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: '{"seen":"blue"}' }] },
          { type: 'tool_result', tool_use_id: 't2', content: [{ type: 'text', text: 'wind' }] },
          { type: 'text', text: 'And now?' },
        ],
      },
    ],
    tools: [
      {
        name: 'look',
        description: 'Looks somewhere.',
        input_schema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
      },
    ],
  });
});

t.test('parameters are translated one by one', async (t) => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } };
  const rows: [string, object, object][] = [
    ['stop word', { stop: 'END' }, { stop_sequences: ['END'] }],
    ['stop words', { stop: ['a', 'b'] }, { stop_sequences: ['a', 'b'] }],
    ['sampling', { temperature: 0, top_p: 0.5 }, { temperature: 0, top_p: 0.5 }],
    ['the end user', { user: 'u1' }, { metadata: { user_id: 'u1' } }],
    ['the cap is ours, not the client’s', { max_tokens: 9_999 }, { max_tokens: 100 }],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } },
      { output_config: { format: { type: 'json_schema', schema } } },
    ],
    [
      'JSON without a schema',
      { response_format: { type: 'json_object' } },
      { system: 'Answer with one JSON object and nothing else.' },
    ],
    ['a free choice', { tools: [TOOL], tool_choice: 'auto' }, { tool_choice: { type: 'auto' } }],
    ['no tool', { tools: [TOOL], tool_choice: 'none' }, { tool_choice: { type: 'none' } }],
    ['some tool', { tools: [TOOL], tool_choice: 'required' }, { tool_choice: { type: 'any' } }],
    [
      'one tool, once',
      {
        tools: [TOOL],
        tool_choice: { type: 'function', function: { name: 'look' } },
        parallel_tool_calls: false,
      },
      { tool_choice: { type: 'tool', name: 'look', disable_parallel_tool_use: true } },
    ],
    [
      'one at a time',
      { tools: [TOOL], parallel_tool_calls: false },
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
  ];
  for (const [title, body, expected] of rows) t.match(toAnthropicRequest(chatWith(body)), expected, title);
});

t.test('an image by URL is left to the provider', async (t) => {
  const content = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }];
  t.match(toAnthropicRequest(chatWith({ messages: [{ role: 'user', content }] })).messages, [
    { content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }] },
  ]);
});

t.test('an answer to continue does not end with white space', async (t) => {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'The answer is \n' },
  ];
  t.match(toAnthropicRequest(chatWith({ messages })).messages.at(-1), {
    content: [{ type: 'text', text: 'The answer is' }],
  });
});

t.test('effort becomes a thinking budget inside the cap', async (t) => {
  const thinking = (body: object, outputTokens = 10_000) =>
    toAnthropicRequest(chatWith(body, { outputTokens })).thinking;
  t.strictSame(thinking({ reasoning_effort: 'high' }), { type: 'enabled', budget_tokens: 8_000 });
  t.strictSame(thinking({ reasoning_effort: 'low' }), { type: 'enabled', budget_tokens: 2_000 });
  t.equal(thinking({}), undefined);
  t.equal(thinking({ reasoning_effort: 'none' }), undefined);
  t.equal(thinking({ reasoning_effort: 'low' }, 2_000), undefined, 'too small a cap');
  t.equal(thinking({ reasoning_effort: 'high', tools: [TOOL], tool_choice: 'required' }), undefined);
  const afterTools = CONVERSATION.slice(0, 5);
  t.equal(thinking({ reasoning_effort: 'high', messages: afterTools }), undefined);
});

t.test('what Anthropic cannot do is refused by name', async (t) => {
  const rows: [string, object][] = [
    ['seed', { seed: 7 }],
    ['logit_bias', { logit_bias: { 50256: -100 } }],
    ['logprobs', { logprobs: true }],
    ['frequency_penalty', { frequency_penalty: 0.5 }],
    ['presence_penalty', { presence_penalty: 0.5 }],
    ['verbosity', { verbosity: 'low' }],
    ['temperature', { temperature: 1.5 }],
  ];
  for (const [param, body] of rows) {
    t.throws(() => toAnthropicRequest(chatWith(body)), providerError({ kind: 'unsupported', param }));
  }
  t.throws(() => toAnthropicRequest(chatWith({}, { choices: 2 })), providerError({ param: 'n' }));
  const nothing = { seed: null, logprobs: false, frequency_penalty: 0, logit_bias: {} };
  t.doesNotThrow(() => toAnthropicRequest(chatWith(nothing)), 'asking for nothing is fine');
});

t.test('documents are translated, recordings are refused', async (t) => {
  const file = { file_data: `data:application/pdf;base64,${pdfOfPages(1)}`, filename: 'a.pdf' };
  const of = (part: object) =>
    toAnthropicRequest(chatWith({ messages: [{ role: 'user', content: [part] }] })).messages;
  t.strictSame(of({ type: 'file', file, cache_control: { type: 'ephemeral' } }), [
    {
      role: 'user',
      content: [
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: pdfOfPages(1) },
          title: 'a.pdf',
          cache_control: { type: 'ephemeral' },
        },
      ],
    },
  ]);
  const audio = { type: 'input_audio', input_audio: { data: mp3OfBytes(100), format: 'mp3' } };
  t.throws(() => of(audio), providerError({ kind: 'unsupported' }));
});
