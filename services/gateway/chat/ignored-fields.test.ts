import t from 'tap';
import { chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { dropIgnoredFields } from './ignored-fields.ts';

const base = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };
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
  const body = structuredClone({ ...base, temperature: 0, tools: [] });
  t.equal(dropIgnoredFields(body), false);
  t.strictSame(body, { ...base, temperature: 0, tools: [] });
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
