/**
 * The plainest provider there can be, the same for every target: it reads a request, parses nothing of it, and answers
 * with fixed bytes in OpenAI's format. `"stream":true` in the body gets 200 chunks, each written on its own: as fast
 * as they are taken, or one every 5 ms if the body says `pace-5ms`.
 */
import { createServer, type Socket } from 'node:net';
import { createMessageReader } from './wire.ts';

export const STREAM_CHUNKS = 200;
const PACED_MS = 5;

const USAGE = { prompt_tokens: 14, completion_tokens: 200, total_tokens: 214 };
const common = { id: 'chatcmpl-bench', created: 1_767_225_600, model: 'gpt-4o-mini' };

const completion = JSON.stringify({
  ...common,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A short answer, always the same, for everybody who asks.' },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
});
const PLAIN = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(completion)}\r\n\r\n${completion}`,
);

const event = (fields: object) =>
  chunk(`data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...fields })}\n\n`);
const chunk = (text: string) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const choice = (delta: object, finish_reason: string | null = null) => [
  { index: 0, delta, logprobs: null, finish_reason },
];

const STREAM_HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n',
);
const WORD = event({ choices: choice({ content: ' word' }), usage: null });
const STREAM_END = Buffer.concat([
  event({ choices: choice({}, 'stop'), usage: null }),
  event({ choices: [], usage: USAGE }),
  chunk('data: [DONE]\n\n'),
  Buffer.from('0\r\n\r\n'),
]);

function stream(socket: Socket, paced: boolean): void {
  socket.write(Buffer.concat([STREAM_HEAD, WORD]));
  let sent = 1;
  const step = () => {
    if (socket.destroyed) return;
    sent += 1;
    if (sent > STREAM_CHUNKS) socket.write(STREAM_END);
    else if (socket.write(WORD)) next();
    else socket.once('drain', next);
  };
  const next = () => {
    if (paced) setTimeout(step, PACED_MS);
    else setImmediate(step);
  };
  next();
}

const server = createServer({ noDelay: true }, (socket) => {
  let streams = false;
  let paced = false;
  let tail = '';
  const read = createMessageReader({
    onHead: () => {
      streams = false;
      paced = false;
      tail = '';
    },
    onBody: (part) => {
      // a mark may be cut in two
      const ends = tail + part.toString('latin1', 0, 32);
      streams ||= part.includes('"stream":true') || ends.includes('"stream":true');
      paced ||= part.includes('pace-5ms') || ends.includes('pace-5ms');
      tail = part.toString('latin1', Math.max(0, part.length - 32));
    },
    onEnd: () => {
      if (streams) stream(socket, paced);
      else socket.write(PLAIN);
    },
  });
  socket.on('data', read);
  socket.on('error', () => socket.destroy());
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', 4_096, () => {
  process.send?.({ ready: true });
  process.once('disconnect', () => process.exit(0));
});
