import t from 'tap';
import type { ChatCompletion, ChatCompletionChunk, MessageDelta } from '#libs/contracts/chat-answers.ts';
import { replaceLegacyFunctions } from './domain/legacy-functions.ts';
import { narrowTools, replaceOtherForms } from './domain/other-forms.ts';
import { LEGACY_FUNCTION_ANSWERS } from './legacy-function-answers.ts';

const tool = (name: string) => ({ type: 'function', function: { name } });
const USER = { role: 'user', content: 'hi' };
const MARK = { type: 'ephemeral', ttl: '1h' };

t.test('a choice of several tools leaves those, and its mode', async (t) => {
  const chat = {
    tools: [tool('a'), tool('b'), { type: 'custom', custom: { name: 'c' } }],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [tool('b'), { type: 'custom', custom: { name: 'c' } }] },
    },
  };
  t.equal(narrowTools(chat), true);
  t.strictSame(chat, {
    tools: [tool('b'), { type: 'custom', custom: { name: 'c' } }],
    tool_choice: 'required',
  });
  const response = {
    tools: [
      { type: 'function', name: 'a' },
      { type: 'function', name: 'b' },
    ],
    tool_choice: { type: 'allowed_tools', tools: [{ type: 'function', name: 'a' }] },
  };
  t.equal(narrowTools(response), true);
  t.strictSame(response, { tools: [{ type: 'function', name: 'a' }], tool_choice: 'auto' });
  t.equal(narrowTools(response), false);
});

t.test('cache marks of a request, of calls and inside functions move to where they belong', async (t) => {
  const body = {
    cache_control: MARK,
    messages: [{ role: 'assistant', tool_calls: [{ id: 'c', cache_control: MARK }] }, USER],
    tools: [{ type: 'function', function: { name: 'f', cache_control: MARK } }],
  };
  t.equal(replaceOtherForms(body), true);
  t.strictSame(body, {
    messages: [
      { role: 'assistant', tool_calls: [{ id: 'c' }], cache_control: MARK },
      { ...USER, cache_control: MARK },
    ],
    tools: [{ ...tool('f'), cache_control: MARK }],
  });
  t.equal(replaceOtherForms(body), false);
});

t.test("OpenRouter's reasoning is an effort or a budget", async (t) => {
  for (const [reasoning, expected] of [
    [{ effort: 'low', exclude: true }, { reasoning_effort: 'low' }],
    [{ max_tokens: 100 }, { thinking: { type: 'enabled', budget_tokens: 1024 } }],
    [{ enabled: false }, { reasoning_effort: 'none' }],
    [{ enabled: true }, {}],
  ]) {
    const body = { reasoning };
    t.equal(replaceOtherForms(body), true);
    t.strictSame(body, expected);
  }
  for (const nonsense of [null, 7, {}, { reasoning: 'low', tool_choice: 'auto', messages: [null] }]) {
    t.equal(replaceOtherForms(nonsense), false);
  }
});

t.test('legacy functions, their calls and results become those of tools', async (t) => {
  const body = {
    functions: [{ name: 'f', parameters: {} }],
    function_call: { name: 'f' },
    messages: [
      USER,
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: 'sunny' },
    ],
  };
  t.equal(replaceLegacyFunctions(body), true);
  t.strictSame(body, {
    messages: [
      USER,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call00001', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', name: 'f', content: 'sunny', tool_call_id: 'call00001' },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
  });
  t.equal(replaceLegacyFunctions(body), undefined);
  t.equal(replaceLegacyFunctions({ functions: [] }), false, 'nothing to call');
  const both = { functions: [{ name: 'f' }], tools: [tool('g')] };
  t.equal(replaceLegacyFunctions(both), undefined, 'both are refused later');
  t.ok(both.functions);
});

t.test('an answer to legacy functions calls one, whole and streamed', async (t) => {
  const called = { name: 'f', arguments: '{"a":1}' };
  const completion = {
    id: 'x',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: called }],
        },
        finish_reason: 'tool_calls',
      },
    ],
  } as unknown as ChatCompletion;
  t.strictSame(await LEGACY_FUNCTION_ANSWERS.whole(completion), {
    id: 'x',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, function_call: called },
        finish_reason: 'function_call',
      },
    ],
  });
  const stream = LEGACY_FUNCTION_ANSWERS.stream();
  const written = (delta: MessageDelta, finish_reason: 'tool_calls' | null = null) => {
    const chunk = { id: 'x', choices: [{ index: 0, delta, finish_reason }] } as ChatCompletionChunk;
    return JSON.parse(stream.chunk(chunk).slice('data: '.length)).choices[0];
  };
  const call = { index: 0, id: 'c', type: 'function' as const, function: { name: 'f', arguments: '' } };
  t.strictSame(written({ tool_calls: [call] }).delta, { function_call: { name: 'f', arguments: '' } });
  const more = [
    { index: 0, function: { arguments: '{}' } },
    { index: 1, id: 'd', function: { name: 'g' } },
  ];
  t.strictSame(written({ tool_calls: more }).delta, { function_call: { arguments: '{}' } });
  t.strictSame(written({}, 'tool_calls'), { index: 0, delta: {}, finish_reason: 'function_call' });
  t.equal(await stream.end(), 'data: [DONE]\n\n');
});

t.test('tools and choices of responses and of Anthropic are those of chats', async (t) => {
  const called = { name: 'f', description: 'd', parameters: { type: 'object' } };
  const body = {
    tools: [
      { type: 'function', ...called, strict: true },
      {
        name: 'f',
        description: 'd',
        input_schema: called.parameters,
        cache_control: MARK,
        defer_loading: true,
      },
      { type: 'web_search_20250305', name: 'web_search' },
    ],
  };
  t.equal(replaceOtherForms(body), true);
  t.strictSame(body.tools, [
    { type: 'function', function: { ...called, strict: true } },
    { type: 'function', function: called, cache_control: MARK },
    { type: 'web_search_20250305', name: 'web_search' },
  ]);
  t.equal(replaceOtherForms(body), false);

  const named = { type: 'function', function: { name: 'f' } };
  const rows: [choice: unknown, expected: object][] = [
    ['any', { tool_choice: 'required' }],
    [
      { type: 'any', disable_parallel_tool_use: true },
      { tool_choice: 'required', parallel_tool_calls: false },
    ],
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [{ type: 'tool', name: 'f' }, { tool_choice: named }],
    [{ type: 'function', name: 'f' }, { tool_choice: named }],
  ];
  for (const [choice, expected] of rows) {
    const chat = { tool_choice: choice };
    t.equal(replaceOtherForms(chat), true);
    t.strictSame(chat, expected);
    t.equal(replaceOtherForms(chat), false);
  }
});

t.test('parts of other formats are those of chats', async (t) => {
  const url = 'https://a.b/c';
  const source = { type: 'base64', media_type: 'image/png', data: 'AA==' };
  const rows: [part: object, expected: object][] = [
    [
      { type: 'input_text', text: 'a' },
      { type: 'text', text: 'a' },
    ],
    [
      { type: 'output_text', text: 'a', annotations: [] },
      { type: 'text', text: 'a' },
    ],
    [
      { type: 'input_image', image_url: url, detail: 'low' },
      { type: 'image_url', image_url: { url, detail: 'low' } },
    ],
    [
      { type: 'input_file', file_url: url },
      { type: 'file', file: { file_data: url } },
    ],
    [
      { type: 'image', source, cache_control: MARK },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' }, cache_control: MARK },
    ],
    [
      { type: 'document', source: { type: 'url', url } },
      { type: 'file', file: { file_data: url } },
    ],
    [
      { type: 'document', source: { type: 'text', data: 'a' } },
      { type: 'text', text: 'a' },
    ],
    [
      { type: 'image_url', image_url: url },
      { type: 'image_url', image_url: { url } },
    ],
    [
      { type: 'document_url', document_url: url },
      { type: 'file', file: { file_data: url } },
    ],
    [
      { type: 'file', file: { file_id: url } },
      { type: 'file', file: { file_data: url } },
    ],
  ];
  for (const [part, expected] of rows) {
    const body = { messages: [{ role: 'user', content: [part] }] };
    t.equal(replaceOtherForms(body), true, JSON.stringify(part));
    t.strictSame(body.messages[0]?.content, [expected]);
    t.equal(replaceOtherForms(body), false);
  }
  const thought = { type: 'thinking', thinking: 'hm' };
  const answer = { role: 'assistant', content: [thought, { type: 'text', text: 'a' }] };
  t.equal(replaceOtherForms({ messages: [answer] }), true);
  t.strictSame(answer, {
    role: 'assistant',
    content: [{ type: 'text', text: 'a' }],
    thinking_blocks: [{ ...thought, signature: '' }],
  });
});

t.test("Claude's calls and results as parts are calls and messages of chats", async (t) => {
  const use = { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } };
  const result = {
    type: 'tool_result',
    tool_use_id: 't1',
    content: [{ type: 'text', text: 'x' }],
    is_error: true,
  };
  const said = { type: 'text', text: 'And now?' };
  const body = {
    messages: [
      { role: 'assistant', content: [use] },
      { role: 'user', content: [result] },
      { role: 'user', content: [{ ...result, is_error: false }, said] },
    ],
  };
  t.equal(replaceOtherForms(body), true);
  const answered = { role: 'tool', tool_call_id: 't1', content: result.content };
  t.strictSame(body.messages, [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
    },
    { ...answered, is_error: true },
    answered,
    { role: 'user', content: [said] },
  ]);
  t.equal(replaceOtherForms(body), false);
});
