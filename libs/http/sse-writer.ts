import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Server-sent events into one response. Writing to a client that has gone is harmless. */
export type SseWriter = {
  /**
   * Sends one event. Await the result: it resolves when there is room for the next one, at once unless the client
   * reads slower than we write.
   */
  readonly send: (event: { event?: string; data: string; id?: string }) => Promise<void> | undefined;
  /** Sends a comment, which clients ignore. */
  readonly comment: (text: string) => void;
  readonly end: () => void;
  /** No more can be sent: ended, or the client went away. */
  readonly closed: boolean;
};

/** Below every common proxy's idle timeout. */
const KEEP_ALIVE_MS = 15_000;

/** Idle time is counted in this many ticks of a timer that all streams share; a comment is at most one tick late. */
const TICKS_PER_KEEP_ALIVE = 3;

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect the events until its buffer is full
  'x-accel-buffering': 'no',
};

/**
 * Begins a stream of server-sent events: sends the head at once, and a comment whenever nothing was sent for a while.
 * In a Fastify route, call `reply.hijack()` first and give `reply.raw` and `reply.getHeaders()`.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function createSseWriter(
  response: ServerResponse,
  options: { headers?: OutgoingHttpHeaders; keepAliveMs?: number } = {},
): SseWriter {
  const stream: Stream = { response, idleTicks: 0, drained: undefined };
  response.writeHead(200, { ...options.headers, ...SSE_HEADERS });
  response.flushHeaders();
  keepAlive(stream, options.keepAliveMs ?? KEEP_ALIVE_MS);
  return {
    send: (event) => write(stream, format(event)),
    comment: (text) => {
      void write(stream, `:${text.replace(/[\r\n]+/g, ' ')}\n\n`);
    },
    end: () => {
      if (!isClosed(response)) response.end();
    },
    get closed() {
      return isClosed(response);
    },
  };
}

type Stream = {
  readonly response: ServerResponse;
  idleTicks: number;
  /** Shared by all writes that wait for the same room. */
  drained: Promise<void> | undefined;
};

function isClosed(response: ServerResponse): boolean {
  return response.writableEnded || response.destroyed;
}

function write(stream: Stream, text: string): Promise<void> | undefined {
  const { response } = stream;
  if (isClosed(response)) return undefined;
  stream.idleTicks = 0;
  if (response.write(text)) return undefined;
  stream.drained ??= new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      stream.drained = undefined;
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
  return stream.drained;
}

function format({ event, data, id }: { event?: string; data: string; id?: string }): string {
  let text = '';
  if (event !== undefined) text += `event: ${event}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  // JSON has no raw line breaks, so the common case is one line
  return /[\r\n]/.test(data)
    ? `${text}${data
        .split(/\r\n|\r|\n/)
        .map((line) => `data: ${line}\n`)
        .join('')}\n`
    : `${text}data: ${data}\n\n`;
}

/** One timer per keep-alive time, running only while there are streams; not one per stream. */
const tickers = new Map<number, Set<Stream>>();

function keepAlive(stream: Stream, keepAliveMs: number): void {
  const streams = tickers.get(keepAliveMs) ?? startTicker(keepAliveMs);
  streams.add(stream);
  stream.response.once('close', () => streams.delete(stream));
}

function startTicker(keepAliveMs: number): Set<Stream> {
  const streams = new Set<Stream>();
  tickers.set(keepAliveMs, streams);
  const timer = setInterval(() => {
    for (const stream of streams) {
      stream.idleTicks++;
      if (stream.idleTicks >= TICKS_PER_KEEP_ALIVE) void write(stream, ':\n\n');
    }
    if (streams.size > 0) return;
    clearInterval(timer);
    tickers.delete(keepAliveMs);
  }, keepAliveMs / TICKS_PER_KEEP_ALIVE);
  timer.unref();
  return streams;
}
