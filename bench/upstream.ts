/**
 * The plainest provider there can be, the same for every target: it reads a request, parses nothing of it, and answers
 * with fixed bytes in OpenAI's format. `"stream":true` in the body gets a stream of chunks, each written on its own;
 * a mark in the prompt says which kind.
 */
import { createServer, type Socket } from 'node:net';
import { createMessageReader } from './wire.ts';

type StreamKind = { chunks: number; pauseMs: number; event: Buffer };

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

const eventOf = (fields: object) =>
  chunk(`data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...fields })}\n\n`);
const chunk = (text: string) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const choice = (delta: object, finish_reason: string | null = null) => [
  { index: 0, delta, logprobs: null, finish_reason },
];

const STREAM_HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n',
);
const STREAM_END = Buffer.concat([
  eventOf({ choices: choice({}, 'stop'), usage: null }),
  eventOf({ choices: [], usage: USAGE }),
  chunk('data: [DONE]\n\n'),
  Buffer.from('0\r\n\r\n'),
]);

const wordEvent = (content: string) => eventOf({ choices: choice({ content }), usage: null });
const WORD = wordEvent(' word');

/** 200 chunks as fast as they are taken, unless the prompt holds one of these marks. */
const DEFAULT_STREAM: StreamKind = { chunks: 200, pauseMs: 0, event: WORD };
const MARKED_STREAMS: Readonly<Record<string, StreamKind>> = {
  'pace-5ms': { chunks: 200, pauseMs: 5, event: WORD },
  /** One chunk, and then nothing for as long as the client stays. */
  'idle-stream': { chunks: 2, pauseMs: 3_600_000, event: WORD },
  /** 60 MB. */
  'huge-stream': { chunks: 15_000, pauseMs: 0, event: wordEvent(' word'.repeat(800)) },
};
const LONGEST_MARK = 16;

function stream(socket: Socket, { chunks, pauseMs, event }: StreamKind): void {
  socket.write(Buffer.concat([STREAM_HEAD, event]));
  let sent = 1;
  let timer: NodeJS.Timeout | undefined;
  const step = () => {
    if (socket.destroyed) return;
    sent += 1;
    if (sent > chunks) socket.write(STREAM_END);
    else if (socket.write(event)) next();
    else socket.once('drain', next);
  };
  const next = () => {
    if (pauseMs > 0) timer = setTimeout(step, pauseMs);
    else setImmediate(step);
  };
  socket.once('close', () => clearTimeout(timer));
  next();
}

const server = createServer({ noDelay: true }, (socket) => {
  let streams = false;
  let kind = DEFAULT_STREAM;
  let tail = '';
  /** A mark may be cut in two. */
  const has = (part: Buffer, start: string, mark: string) => start.includes(mark) || part.includes(mark);
  const read = createMessageReader({
    onHead: () => {
      streams = false;
      kind = DEFAULT_STREAM;
      tail = '';
    },
    onBody: (part) => {
      const start = tail + part.toString('latin1', 0, LONGEST_MARK);
      streams ||= has(part, start, '"stream":true');
      for (const mark in MARKED_STREAMS) {
        if (has(part, start, mark)) kind = MARKED_STREAMS[mark] ?? kind;
      }
      tail = part.toString('latin1', Math.max(0, part.length - LONGEST_MARK));
    },
    onEnd: () => {
      if (streams) stream(socket, kind);
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
