import t from 'tap';
import type { ProviderError } from '../domain/provider-error.ts';
import { createStreamScanner, rename, type ScannedPiece } from './stream-scanner.ts';
import { VENDORS } from './vendors.ts';

const head = '"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06"';
const event = (choices: string, tail = '') => `data: {${head},"choices":[${choices}]${tail}}\n\n`;
const content = (text: string) =>
  event(`{"index":0,"delta":{"content":${JSON.stringify(text)}},"finish_reason":null}`, ',"usage":null');
const finish = event('{"index":0,"delta":{},"finish_reason":"stop"}', ',"usage":null');
const usage = event('', ',"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}');
const done = 'data: [DONE]\n\n';

function scanAll(chunks: (string | Buffer)[], model: string | null = null) {
  const scanner = createStreamScanner({ vendor: VENDORS.openai, model });
  const pieces: ScannedPiece[] = [];
  for (const chunk of chunks) {
    const piece = scanner.push(Buffer.from(chunk));
    if (piece !== null) pieces.push(piece);
  }
  const last = pieces.some(({ error }) => error) ? null : scanner.finish();
  if (last !== null) pieces.push(last);
  return {
    bytes: pieces
      .map(({ bytes }) => (bytes === null ? '' : Buffer.from(bytes as Buffer).toString()))
      .join(''),
    text: pieces.map(({ text }) => text).join(''),
    reasoning: pieces.map(({ reasoning }) => reasoning).join(''),
    usage: pieces.findLast((piece) => piece.usage)?.usage,
    usageEvent: pieces.find((piece) => piece.usageEvent)?.usageEvent,
    error: pieces.find((piece) => piece.error)?.error,
  };
}

t.test('bytes pass unchanged, but for usage and the end, which wait for the settlement', async (t) => {
  const sent = content('Grüße, 世界 🙂') + content('"model":"x" and data: [DONE]');
  const seen = scanAll([sent + finish + usage + done]);
  t.equal(seen.bytes, sent + finish);
  t.equal(seen.text, 'Grüße, 世界 🙂"model":"x" and data: [DONE]');
  t.strictSame(seen.usage, { units: { input: 9, output: 4 }, final: true });
  t.equal(seen.usageEvent, usage);
});

t.test('a block of untouched events is handed on as the very buffer that came', async (t) => {
  const chunk = Buffer.from(content('a') + content('b'));
  const piece = createStreamScanner({ vendor: VENDORS.openai, model: null }).push(chunk);
  t.equal((piece?.bytes as Buffer | undefined)?.buffer, chunk.buffer, 'no copy');
});

t.test('however the bytes are cut, the outcome is the same', async (t) => {
  const whole = Buffer.from(content('Grüße 🙂') + content('Ende') + finish + usage + done);
  const expected = scanAll([whole]);
  for (const size of [1, 2, 3, 7, 50, 333]) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    t.strictSame(scanAll(chunks), expected, `${size} bytes at a time`);
  }
});

t.test('lines may end in CR LF, and comments inside an answer are kept', async (t) => {
  const sent = `: connected\n\n${content('a')}: thinking\n\n${finish}${done}`;
  for (const stream of [sent, sent.replaceAll('\n', '\r\n')]) {
    t.equal(scanAll([stream]).bytes, `${content('a')}: thinking\n\n${finish}`);
  }
});

t.test('usage in a chunk with choices is counted and passed on', async (t) => {
  const last = event(
    '{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}',
    ',"usage":{"prompt_tokens":2,"completion_tokens":1}',
  );
  const seen = scanAll([last + done]);
  t.equal(seen.bytes, last);
  t.strictSame(seen.usage?.units, { input: 2, output: 1 });
  t.equal(seen.usageEvent, undefined);
});

t.test('tool calls, refusals and shown thinking count as written', async (t) => {
  const deltas = [
    '{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"look","arguments":""}}]}',
    '{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":1}"}}]}',
    '{"refusal":"No."}',
    '{"reasoning_content":"Hmm."}',
  ];
  const chunks = deltas.map((delta) => event(`{"index":0,"delta":${delta},"finish_reason":null}`));
  const seen = scanAll([...chunks, finish]);
  t.equal(seen.text, 'look{"a":1}No.');
  t.equal(seen.reasoning, 'Hmm.');
});

t.test('the model gets the name the client used', async (t) => {
  const seen = scanAll([content('"model":"gpt-4o-2024-08-06"') + finish + usage], 'gpt-4o');
  t.equal(
    seen.bytes + seen.usageEvent,
    (content('"model":"gpt-4o-2024-08-06"') + finish + usage).replaceAll(
      '"model":"gpt-4o-2024-08-06","choices"',
      '"model":"gpt-4o","choices"',
    ),
  );
  t.equal(rename('{"model": "a", "b": 1}', 'a', 'ä'), '{"model": "ä", "b": 1}', 'with a space');
  t.equal(rename('{"model":"a"}', undefined, 'b'), '{"model":"a"}');
});

t.test('failures inside a stream', async (t) => {
  const kindOf = (run: () => unknown) => {
    try {
      run();
      return 'none';
    } catch (error) {
      return (error as ProviderError).kind;
    }
  };
  const cut = scanAll([`${content('a')}data: {"id":"c1","choi\n\n`]);
  t.equal(cut.error?.kind, 'malformed');
  t.equal(cut.bytes, content('a'), 'what came before is handed over');
  const failed = scanAll([
    `${content('a')}data: {"error":{"message":"Overloaded","type":"server_error"}}\n\n`,
  ]);
  t.equal(failed.error?.kind, 'overloaded');
  t.equal(
    kindOf(() => scanAll([content('a')])),
    'broken',
    'ended without a finish',
  );
  t.equal(
    kindOf(() => scanAll([])),
    'broken',
    'ended without anything',
  );
  t.equal(
    kindOf(() => scanAll([content('a') + finish])),
    'none',
    'a finish is enough',
  );
  t.equal(scanAll([`${content('a')}${finish}data: {"x`]).error?.kind, 'malformed', 'cut inside an event');
});
