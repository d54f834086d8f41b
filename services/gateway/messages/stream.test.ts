import t from 'tap';
import type { ChatCompletionChunk, MessageDelta } from '#libs/contracts/chat-answers.ts';
import { createMessageStream } from './stream.ts';

type Choice = Partial<ChatCompletionChunk['choices'][number]>;

const chunk = (delta: MessageDelta, more: Choice = {}): ChatCompletionChunk => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 0,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

/** The events that the chunks lead to, each without what is the same in all. */
async function eventsOf(chunks: ChatCompletionChunk[]): Promise<Record<string, unknown>[]> {
  const stream = createMessageStream();
  const text = chunks.map(stream.chunk).join('') + (await stream.end());
  return text
    .split('\n\n')
    .filter(Boolean)
    .map((event) => JSON.parse(event.slice(event.indexOf('\ndata: ') + 7)));
}

t.test('reasoning, its signature, a text and two tool calls become blocks in order', async (t) => {
  const events = await eventsOf([
    chunk({ role: 'assistant', content: '' }),
    chunk({ reasoning_content: 'Hm' }),
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: '', signature: 's' }] }),
    chunk({ content: 'Let me' }),
    chunk({ tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }),
    chunk({ tool_calls: [{ index: 1, id: 'c2', function: { name: 'g', arguments: '{"a":1}' } }] }),
    chunk({}, { finish_reason: 'tool_calls' }),
    {
      ...chunk({}),
      choices: [],
      usage: {
        prompt_tokens: 100,
        completion_tokens: 20,
        total_tokens: 120,
        prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 50, cache_write_1h_tokens: 20 },
      },
    },
  ]);
  t.strictSame(
    events.slice(2, -2).map(({ type, index, content_block: block, delta }) => [type, index, block ?? delta]),
    [
      ['content_block_start', 0, { type: 'thinking', thinking: '', signature: '' }],
      ['content_block_delta', 0, { type: 'thinking_delta', thinking: 'Hm' }],
      ['content_block_delta', 0, { type: 'signature_delta', signature: 's' }],
      ['content_block_stop', 0, undefined],
      ['content_block_start', 1, { type: 'text', text: '' }],
      ['content_block_delta', 1, { type: 'text_delta', text: 'Let me' }],
      ['content_block_stop', 1, undefined],
      ['content_block_start', 2, { type: 'tool_use', id: 'c1', name: 'f', input: {} }],
      ['content_block_delta', 2, { type: 'input_json_delta', partial_json: '{}' }],
      ['content_block_stop', 2, undefined],
      ['content_block_start', 3, { type: 'tool_use', id: 'c2', name: 'g', input: {} }],
      ['content_block_delta', 3, { type: 'input_json_delta', partial_json: '{"a":1}' }],
      ['content_block_stop', 3, undefined],
    ],
  );
  t.match(events.at(-2), {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use', stop_sequence: null },
    usage: {
      input_tokens: 20,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 50,
      cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 },
      output_tokens: 20,
    },
  });
  t.strictSame(events.at(-1), { type: 'message_stop' });
});

t.test('the reason of the end is translated', async (t) => {
  const rows: [Choice, string, string | null][] = [
    [{ finish_reason: 'stop' }, 'end_turn', null],
    [{ finish_reason: 'length' }, 'max_tokens', null],
    [{ finish_reason: 'content_filter' }, 'refusal', null],
    [{ finish_reason: 'stop', stop_sequence: 'END' }, 'stop_sequence', 'END'],
  ];
  for (const [end, reason, sequence] of rows) {
    const events = await eventsOf([chunk({ content: 'a' }), chunk({}, end)]);
    t.match(events.at(-2), { delta: { stop_reason: reason, stop_sequence: sequence } }, reason);
  }
});
