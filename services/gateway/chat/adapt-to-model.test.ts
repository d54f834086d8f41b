import t from 'tap';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PricedModel } from '../prices/domain.ts';
import { adaptToModel } from './adapt-to-model.ts';

const TOOL = { type: 'function', function: { name: 'f' } };
const base: ChatCompletionRequest = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

function modelOf(
  provider: string,
  prices: Record<string, bigint> = { input: 1n },
  reasoning = true,
): PricedModel {
  const tiers = [{ fromInputTokens: 0, picoUsdPerUnit: prices }];
  return { info: { provider, capabilities: { reasoning } }, price: { tiers } } as unknown as PricedModel;
}

t.test('what a model cannot take is left out or capped, and named', async (t) => {
  const rows: [provider: string, given: object, kept: object, ignored: string[]][] = [
    ['openai', { seed: 1, logprobs: true }, { seed: 1, logprobs: true }, []],
    ['anthropic', { seed: 1, logprobs: true }, {}, ['logprobs', 'seed']],
    ['anthropic', { presence_penalty: 0, logprobs: false }, {}, []],
    ['anthropic', { temperature: 1.4 }, { temperature: 1 }, ['temperature=1']],
    ['anthropic', { temperature: 0.4, top_k: 3 }, { temperature: 0.4, top_k: 3 }, []],
    ['openai', { top_k: 3, thinking: { type: 'adaptive' } }, {}, ['thinking', 'top_k']],
    ['gemini', { parallel_tool_calls: false, verbosity: 'low' }, {}, ['verbosity']],
    ['gemini', { tools: [TOOL], parallel_tool_calls: false }, { tools: [TOOL] }, ['parallel_tool_calls']],
    ['gemini', { tools: [TOOL], parallel_tool_calls: true }, { tools: [TOOL] }, []],
    ['mistral', { user: 'u', seed: 1 }, {}, ['seed', 'user']],
    [
      'anthropic',
      { reasoning_effort: 'low', temperature: 0.2, top_k: 5, top_p: 0.5 },
      { reasoning_effort: 'low' },
      ['temperature', 'top_k', 'top_p'],
    ],
    [
      'anthropic',
      { reasoning_effort: 'none', temperature: 0.2 },
      { reasoning_effort: 'none', temperature: 0.2 },
      [],
    ],
    [
      'anthropic',
      { thinking: { type: 'adaptive' }, top_p: 0.97 },
      { thinking: { type: 'adaptive' }, top_p: 0.97 },
      [],
    ],
    ['anthropic', { stop: ['\n', 'END'] }, { stop: ['END'] }, ['stop']],
    ['anthropic', { stop: ' ' }, { stop: [] }, ['stop']],
  ];
  for (const [provider, given, kept, ignored] of rows) {
    const adapted = adaptToModel({ ...base, ...given }, modelOf(provider));
    t.strictSame(adapted, { body: { ...base, ...kept }, ignored }, `${provider} ${JSON.stringify(given)}`);
  }
});

t.test('a request that its model can take stays the same object', async (t) => {
  for (const provider of ['openai', 'anthropic', 'gemini', 'mistral']) {
    t.equal(adaptToModel(base, modelOf(provider)).body, base);
  }
});

t.test('effort and thinking are for models that reason', async (t) => {
  const rows: [given: object, ignored: string[]][] = [
    [{ reasoning_effort: 'high' }, ['reasoning_effort']],
    [{ thinking: { type: 'enabled', budget_tokens: 2_000 } }, ['thinking']],
    [{ reasoning_effort: 'none' }, []],
    [{ thinking: { type: 'disabled' } }, []],
  ];
  for (const provider of ['openai', 'anthropic', 'gemini']) {
    for (const [given, ignored] of rows) {
      const adapted = adaptToModel({ ...base, ...given }, modelOf(provider, undefined, false));
      t.strictSame(adapted, { body: base, ignored }, `${provider} ${JSON.stringify(given)}`);
    }
  }
});

t.test(
  'given instructions alone, then the last one is the message that Claude and Gemini need',
  async (t) => {
    const first = { role: 'system' as const, content: 'Be brief.' };
    const last = { role: 'developer' as const, content: 'Say hi.' };
    for (const provider of ['anthropic', 'gemini']) {
      const { body } = adaptToModel({ ...base, messages: [first, last] }, modelOf(provider));
      t.strictSame(body.messages, [first, { ...last, role: 'user' }]);
    }
    const { body } = adaptToModel({ ...base, messages: [first] }, modelOf('openai'));
    t.strictSame(body.messages, [first]);
  },
);

t.test('given the reasoning of an earlier turn, then it is sent to models that read it', async (t) => {
  const turn = { role: 'assistant' as const, content: 'Hi', reasoning_content: 'hm' };
  const { reasoning_content: _, ...plain } = turn;
  for (const [provider, sent] of [
    ['xai', turn],
    ['openai', plain],
    ['mistral', plain],
  ] as const) {
    const { body } = adaptToModel({ ...base, messages: [turn, ...base.messages] }, modelOf(provider));
    t.strictSame(body.messages, [sent, ...base.messages], provider);
  }
});

const mark = { type: 'ephemeral', ttl: '1h' } as const;
const marked: ChatCompletionRequest = {
  model: 'm',
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'be', cache_control: mark }] },
    { role: 'user', content: 'hi', cache_control: mark },
  ],
  tools: [{ type: 'function', function: { name: 'f' }, cache_control: mark }],
};

t.test('cache marks are for Claude, and for an hour only where that has a price', async (t) => {
  t.equal(adaptToModel(marked, modelOf('anthropic', { cache_write_1h: 2n })).body, marked);
  const shorter = adaptToModel(marked, modelOf('anthropic'));
  t.strictSame(shorter.ignored, ['cache_control.ttl=5m']);
  t.notMatch(JSON.stringify(shorter.body), '1h');
  t.equal(JSON.stringify(shorter.body).match(/cache_control/g)?.length, 3);
  const plain = adaptToModel(marked, modelOf('openai'));
  t.strictSame(plain.ignored, ['cache_control']);
  t.notMatch(JSON.stringify(plain.body), 'cache_control');
});

t.test('thoughts and images in tool results get a form that other models read', async (t) => {
  const url = 'data:image/png;base64,AA==';
  const body: ChatCompletionRequest = {
    model: 'm',
    messages: [
      {
        role: 'assistant',
        content: null,
        thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: 's' }],
      },
      {
        role: 'tool',
        tool_call_id: 'c1',
        is_error: true,
        content: [
          { type: 'text', text: 'seen' },
          { type: 'image_url', image_url: { url } },
        ],
      },
      { role: 'tool', tool_call_id: 'c2', content: 'heard' },
      { role: 'user', content: 'go on' },
    ],
  };
  t.equal(adaptToModel(body, modelOf('anthropic')).body, body);
  t.strictSame(adaptToModel(body, modelOf('openai')).body.messages, [
    { role: 'assistant', content: null },
    { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'seen' }] },
    { role: 'tool', tool_call_id: 'c2', content: 'heard' },
    { role: 'user', content: [{ type: 'image_url', image_url: { url } }] },
    { role: 'user', content: 'go on' },
  ]);
});

t.test(
  'given calls of earlier turns, then their ids and order are those that the provider takes',
  async (t) => {
    const google = { google: { thought_signature: 'c2ln' } };
    const call = (id: string, more: object = {}) => ({
      id,
      type: 'function' as const,
      function: { name: 'f', arguments: '{}' },
      ...more,
    });
    const result = (id: string) => ({ role: 'tool' as const, tool_call_id: id, content: 'x' });
    const [hi] = base.messages;
    const messages = [
      {
        role: 'assistant' as const,
        content: null,
        tool_calls: [call('fc:1|x', { extra_content: google }), call('c2')],
      },
      result('fc:1|x'),
      { role: 'user' as const, content: 'An image of it.' },
      result('c2'),
    ];
    const rows: [provider: string, ids: RegExp, isSigned: boolean][] = [
      ['openai', /^(?:fc:1\|x|c2)$/, false],
      ['anthropic', /^(?:[0-9a-f]{9}|c2)$/, false],
      ['mistral', /^[0-9a-f]{9}$/, false],
      ['gemini', /^(?:fc:1\|x|c2)$/, true],
    ];
    for (const [provider, ids, isSigned] of rows) {
      const { body, ignored } = adaptToModel({ ...base, messages }, modelOf(provider));
      const [answer, first, second, said] = body.messages;
      t.match(answer, { tool_calls: [{ id: ids }, { id: ids }] }, provider);
      const calls = answer?.role === 'assistant' ? (answer.tool_calls ?? []) : [];
      t.strictSame(calls[0]?.extra_content, isSigned ? google : undefined);
      t.strictSame(
        [first, second],
        calls.map(({ id }) => result(id)),
      );
      t.match(said, { role: 'user', content: 'An image of it.' });
      t.strictSame(ignored, []);
    }
    const last = { role: 'developer' as const, content: 'Now.' };
    const { body } = adaptToModel({ ...base, messages: [hi ?? last, last] }, modelOf('mistral'));
    t.match(body.messages[1], { role: 'system' });
  },
);
