import fc from 'fast-check';
import t from 'tap';
import { createSseParser, parseSse, type SseEvent, SseEventTooLargeError } from './sse-parser.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function parse(...chunks: Uint8Array[]): SseEvent[] {
  const events: SseEvent[] = [];
  const parser = createSseParser((event) => events.push(event));
  for (const chunk of chunks) parser.push(chunk);
  return events;
}

const message = (data: string, event = 'message', id?: string): SseEvent => ({ event, data, id });

t.test('what the standard says', async (t) => {
  const cases: [string, string, SseEvent[]][] = [
    ['one event', 'data: one\n\n', [message('one')]],
    ['CR LF', 'data: one\r\n\r\ndata: two\r\n\r\n', [message('one'), message('two')]],
    ['CR', 'data: one\r\rdata: two\r\r', [message('one'), message('two')]],
    ['several lines', 'data: a\ndata:\ndata: b\n\n', [message('a\n\nb')]],
    ['only one space is dropped', 'data:  a\n\ndata:b\n\n', [message(' a'), message('b')]],
    ['a name, for one event only', 'event: x\ndata: 1\n\ndata: 2\n\n', [message('1', 'x'), message('2')]],
    [
      'an id, from then on',
      'id: 7\ndata: 1\n\ndata: 2\n\n',
      [message('1', 'message', '7'), message('2', 'message', '7')],
    ],
    ['comments and unknown fields', ': hi\n\nretry: 5\nfoo: bar\ndata: 1\n\n', [message('1')]],
    ['no data, no event', 'event: x\n\ndata: 1\n\n', [message('1')]],
    ['a field without a colon', 'data\n\n', [message('')]],
    ['a byte-order mark', '\ufeffdata: 1\n\n', [message('1')]],
    ['colons in the data', 'data: {"a": "b:c"}\n\n', [message('{"a": "b:c"}')]],
    ['an unfinished event', 'data: 1\n\ndata: 2\n', [message('1')]],
  ];
  for (const [name, text, expected] of cases) t.strictSame(parse(bytes(text)), expected, name);
});

t.test('cutting the stream anywhere changes nothing', async (t) => {
  const text =
    ': hello\r\n\r\nevent: 大きい\r\ndata: {"text":"Größe 🙂"}\r\ndata: zwei\r\nid: 1\r\n\r\ndata: [DONE]\r\r\ndata: x\n\n';
  const stream = bytes(text);
  const whole = parse(stream);
  t.equal(whole.length, 3);
  for (let cut = 0; cut <= stream.length; cut++) {
    t.strictSame(parse(stream.subarray(0, cut), stream.subarray(cut)), whole, `cut at ${cut}`);
  }
  t.strictSame(parse(...[...stream].map((byte) => Uint8Array.of(byte))), whole, 'byte by byte');
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const chunks = places.slice(1).map((end, index) => stream.subarray(places[index], end));
      t.strictSame(parse(...chunks), whole);
    }),
    { numRuns: 50 },
  );
});

t.test('an endless line, or an event of endless lines, is not buffered', async (t) => {
  for (const endless of ['data: 1', 'data: 1\n', 'data: 1\r', 'id: 1']) {
    const parser = createSseParser(() => {}, { maxEventCharacters: 100 });
    for (let round = 0; round < 30; round++) parser.push(bytes('data: 1\n\n'));
    t.throws(() => {
      for (let round = 0; round < 60; round++) parser.push(bytes(endless));
    }, SseEventTooLargeError);
  }
});

t.test('events come as soon as their bytes are here', async (t) => {
  async function* source() {
    yield bytes('data: 1\n\ndata: 2\n');
    yield bytes('\ndata: 3\n\n');
  }
  const seen: string[] = [];
  for await (const { data } of parseSse(source())) seen.push(data);
  t.strictSame(seen, ['1', '2', '3']);
});
