import t from 'tap';
import type { ChatCompletionChunk, MessageDelta } from '#libs/contracts/chat-answers.ts';
import { customToolAnswers } from './custom-tool-answers.ts';
import { customInput, replaceCustomTools } from './domain/custom-tools.ts';

const NAMES = new Set(['shout']);

t.test('custom tools, their calls and the choice of one become functions', async (t) => {
  const body = {
    tools: [
      { type: 'custom', custom: { name: 'shout', description: 'Loud.', format: { type: 'text' } } },
      { type: 'function', function: { name: 'add' } },
    ],
    messages: [
      {
        role: 'assistant',
        tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'shout', input: 'a"b' } }],
      },
    ],
    tool_choice: { type: 'custom', custom: { name: 'shout' } },
  };
  t.strictSame(replaceCustomTools(body), NAMES);
  t.match(body.tools, [
    {
      type: 'function',
      function: { name: 'shout', description: 'Loud.', parameters: { required: ['input'] } },
    },
    { type: 'function', function: { name: 'add' } },
  ]);
  t.match(body.messages, [
    {
      tool_calls: [
        { id: 'c', type: 'function', function: { name: 'shout', arguments: '{"input":"a\\"b"}' } },
      ],
    },
  ]);
  t.strictSame(body.tool_choice, { type: 'function', function: { name: 'shout' } });
  t.equal(replaceCustomTools(body), undefined, 'nothing is left to replace');
  for (const nonsense of [null, 7, { tools: [null, { type: 'custom' }] }]) {
    t.equal(replaceCustomTools(nonsense), undefined);
  }
  const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } };
  t.throws(
    () => replaceCustomTools({ tools: [{ type: 'custom', custom: { name: 'x', format: grammar } }] }),
    {
      code: 'unsupported_parameter',
      fields: { param: 'tools.0.custom.format' },
    },
  );
});

t.test('the text of a call is read from its arguments, or is them', async (t) => {
  t.equal(customInput('{"input":"a"}'), 'a');
  t.equal(customInput('{"other":1}'), '{"other":1}');
  t.equal(customInput('cut off {'), 'cut off {');
});

t.test('a streamed call begins at once, and has its whole text before the end', async (t) => {
  const chunk = (delta: MessageDelta, finish: 'tool_calls' | null = null): ChatCompletionChunk => ({
    id: 'x',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const stream = customToolAnswers(NAMES).stream();
  const add = { index: 1, id: 'd', type: 'function' as const, function: { name: 'add', arguments: '{}' } };
  const text = [
    chunk({
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'shout', arguments: '' } }],
    }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"inp' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: 'ut":"hey"}' } }] }),
    chunk({ tool_calls: [add] }),
    chunk({}, 'tool_calls'),
  ]
    .map(stream.chunk)
    .join('');
  const choices = text
    .split('\n\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line.slice(6)).choices[0]);
  t.match(choices, [
    { delta: { tool_calls: [{ index: 0, id: 'c', type: 'custom', custom: { name: 'shout', input: '' } }] } },
    { delta: { tool_calls: [] } },
    { delta: { tool_calls: [] } },
    { delta: { tool_calls: [add] } },
    { delta: { tool_calls: [{ index: 0, custom: { input: 'hey' } }] }, finish_reason: null },
    { delta: {}, finish_reason: 'tool_calls' },
  ]);
  t.equal(await stream.end(), 'data: [DONE]\n\n');
});
