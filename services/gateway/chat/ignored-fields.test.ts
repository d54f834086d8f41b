import t from 'tap';
import { chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { shown } from './domain/fields.ts';
import { dropIgnoredFields } from './domain/ignored-fields.ts';

const USER = { role: 'user', content: 'hi' };
const base = { model: 'gpt-4o-mini', messages: [USER] };
const calls = [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }];

t.test('fields without a cost are dropped, and the request is valid', async (t) => {
  const rows: [what: string, body: object, expected: object][] = [
    [
      'the name of a tool message, as LangChain sends it',
      { ...base, messages: [{ role: 'tool', tool_call_id: 'c1', name: 'f', content: 'x' }] },
      { ...base, messages: [{ role: 'tool', tool_call_id: 'c1', content: 'x' }] },
    ],
    [
      'what the OpenAI SDK adds to the messages that it parsed',
      {
        ...base,
        messages: [
          {
            role: 'assistant',
            content: null,
            parsed: { city: 'Paris' },
            tool_calls: [{ ...calls[0], function: { ...calls[0]?.function, parsed_arguments: {} } }],
          },
        ],
      },
      { ...base, messages: [{ role: 'assistant', content: null, tool_calls: calls }] },
    ],
    ['unset parameters', { ...base, tools: null, tool_choice: null, user: null, prediction: null }, base],
    [
      'parameters without an effect',
      {
        ...base,
        store: true,
        modalities: ['text'],
        prompt_cache_retention: '24h',
        prompt_cache_options: {},
        usage: { include: true },
      },
      base,
    ],
    [
      'what OpenAI refuses without tools, or without a stream',
      {
        ...base,
        tools: [],
        tool_choice: 'auto',
        parallel_tool_calls: true,
        stream_options: { include_usage: true },
      },
      base,
    ],
    [
      'metadata, which providers refuse unless they store the answer',
      { ...base, metadata: { run: 7 } },
      base,
    ],
    [
      'unset and unknown options',
      {
        ...base,
        stream: true,
        stream_options: { include_usage: null, include_extras: true },
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', description: null, schema: null, strict: null, $schema: 'x' },
          extra: 1,
        },
      },
      {
        ...base,
        stream: true,
        stream_options: {},
        response_format: { type: 'json_schema', json_schema: { name: 'a' } },
      },
    ],
    [
      'unset and empty fields of messages',
      {
        ...base,
        messages: [
          { role: 'system', content: 'be', name: null, extra: 1 },
          {
            role: 'user',
            content: [{ type: 'text', text: 'hi', cache_control: null, extra: 1 }],
            name: null,
          },
          {
            role: 'assistant',
            content: 'x',
            tool_calls: null,
            annotations: null,
            audio: null,
            function_call: null,
          },
          { role: 'assistant', content: 'x', tool_calls: [], annotations: [{}], refusal: null },
          { role: 'tool', tool_call_id: 'c1', content: null },
        ],
      },
      {
        ...base,
        messages: [
          { role: 'system', content: 'be' },
          { role: 'user', content: [{ type: 'text', text: 'hi' }] },
          { role: 'assistant', content: 'x' },
          { role: 'assistant', content: 'x' },
          { role: 'tool', tool_call_id: 'c1', content: '' },
        ],
      },
    ],
    [
      'newer fields of cache marks, as Claude Code sends them',
      { ...base, messages: [{ ...USER, cache_control: { type: 'ephemeral', ttl: '1h', scope: 'global' } }] },
      { ...base, messages: [{ ...USER, cache_control: { type: 'ephemeral', ttl: '1h' } }] },
    ],
    [
      'calls and tools without a type, and arguments that are no text',
      {
        ...base,
        tools: [{ function: { name: 'f' } }],
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'c1', function: { name: 'f', arguments: null } },
              { id: 'c2', type: 'function', function: { name: 'f', arguments: { a: 1 } } },
            ],
          },
        ],
      },
      {
        ...base,
        tools: [{ type: 'function', function: { name: 'f' } }],
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } },
              { id: 'c2', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
            ],
          },
        ],
      },
    ],
    [
      'an unset description of a tool',
      { ...base, tools: [{ type: 'function', function: { name: 'f', description: null } }] },
      { ...base, tools: [{ type: 'function', function: { name: 'f' } }] },
    ],
  ];
  for (const [what, body, expected] of rows) {
    t.equal(dropIgnoredFields(body), true, what);
    t.strictSame(body, expected, what);
    t.ok(chatCompletionRequest.safeParse(body).success, what);
  }
});

t.test('a request without such fields stays as it is', async (t) => {
  const request = {
    ...base,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: 'function', function: { name: 'f' } }],
    messages: [{ role: 'assistant', content: null, tool_calls: calls }],
  };
  const body = structuredClone(request);
  t.equal(dropIgnoredFields(body), false);
  t.strictSame(body, request);
  for (const nonsense of [null, 7, 'text', [], { messages: 'text', tools: [null, 7] }]) {
    t.equal(dropIgnoredFields(nonsense), false);
  }
});

t.test('what could cost money that no hold covers is refused by its name', async (t) => {
  for (const name of ['web_search_options', 'functions', 'prediction', 'audio', 'extra']) {
    const body = { ...base, [name]: { some: 'value' } };
    t.equal(dropIgnoredFields(body), false, name);
    const { success, error } = chatCompletionRequest.safeParse(body);
    t.notOk(success, name);
    t.match(error?.issues[0]?.message, name);
  }
  for (const body of [
    { ...base, service_tier: 'flex' },
    { ...base, modalities: ['text', 'audio'] },
  ]) {
    dropIgnoredFields(body);
    t.notOk(chatCompletionRequest.safeParse(body).success);
  }
});

t.test('a value that hides its own `toString` is refused, never converted', async (t) => {
  const hostile = { toString: 1 };
  for (const messages of [
    [{ role: hostile, content: 'hi' }],
    [{ role: 'user', content: [{ type: hostile, text: 'hi' }] }],
    [{ role: 'user', content: [{ type: 'constructor' }] }],
  ]) {
    const body = { ...base, messages };
    t.doesNotThrow(() => dropIgnoredFields(body));
    t.notOk(chatCompletionRequest.safeParse(body).success);
  }
  t.equal(shown(hostile), '{"toString":1}');
  t.equal(shown('film'), 'film');
  t.equal(shown(undefined), 'undefined');
});
