import t from 'tap';
import { createMessageReader } from './wire.ts';

function read(pieces: readonly Buffer[]): string[] {
  const seen: string[] = [];
  let body = '';
  const push = createMessageReader({
    onHead: (head) => seen.push(`head ${head.split('\r\n')[0]}`),
    onBody: (part) => {
      body += part.toString();
    },
    onEnd: () => {
      seen.push(`end ${body}`);
      body = '';
    },
  });
  for (const piece of pieces) push(piece);
  return seen;
}

const answers = Buffer.from(
  [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\nab\r\na;x=1\r\n0123456789\r\n0\r\n\r\n',
    'HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n',
  ].join(''),
);
const expected = [
  'head HTTP/1.1 200 OK',
  'end hello',
  'head HTTP/1.1 200 OK',
  'end \r\nab0123456789',
  'head HTTP/1.1 429 Too Many Requests',
  'end ',
];

t.test('messages are the same however they are cut', async (t) => {
  t.strictSame(read([answers]), expected, 'in one piece');
  for (let at = 1; at < answers.length; at += 1) {
    const seen = read([answers.subarray(0, at), answers.subarray(at)]);
    if (!t.strictSame(seen, expected, `cut at ${at}`)) return;
  }
  t.strictSame(read([...answers].map((byte) => Buffer.from([byte]))), expected, 'byte by byte');
});

t.test('an answer whose end cannot be known fails', async (t) => {
  t.throws(() => read([Buffer.from('HTTP/1.1 200 OK\r\n\r\n')]), /without length/);
});
