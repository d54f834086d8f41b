/** Where the events of one stream go. Writing to a client that has gone is harmless. */
export type SseSink = {
  /** The promise, if there is one, resolves when there is room for more. */
  readonly write: (bytes: Buffer) => Promise<void> | undefined;
  /** Nothing can be sent any more. */
  readonly isClosed: () => boolean;
};

/** Server-sent events into one answer. */
export type SseWriter = {
  /**
   * Sends one event. Await the result: it resolves when there is room for the next one, at once unless the client
   * reads slower than we write.
   */
  readonly send: (event: { event?: string; data: string; id?: string }) => Promise<void> | undefined;
  /** Sends a comment, which clients ignore. */
  readonly comment: (text: string) => void;
};

/** Below every common proxy's idle timeout. */
const KEEP_ALIVE_MS = 15_000;

/** Idle time is counted in this many ticks of a timer that all streams share; a comment is at most one tick late. */
const TICKS_PER_KEEP_ALIVE = 3;

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect the events until its buffer is full
  'x-accel-buffering': 'no',
};

/**
 * Server-sent events for a stream that has begun with {@link SSE_HEADERS}, and a comment whenever nothing was sent for a
 * while.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function createSseWriter(sink: SseSink, keepAliveMs = KEEP_ALIVE_MS): SseWriter {
  const stream: Stream = { sink, idleTicks: 0 };
  (tickers.get(keepAliveMs) ?? startTicker(keepAliveMs)).add(stream);
  return {
    send: (event) => write(stream, format(event)),
    comment: (text) => {
      void write(stream, `:${text.replace(/[\r\n]+/g, ' ')}\n\n`);
    },
  };
}

type Stream = { readonly sink: SseSink; idleTicks: number };

function write(stream: Stream, text: string): Promise<void> | undefined {
  stream.idleTicks = 0;
  return stream.sink.write(Buffer.from(text));
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

function startTicker(keepAliveMs: number): Set<Stream> {
  const streams = new Set<Stream>();
  tickers.set(keepAliveMs, streams);
  const timer = setInterval(() => {
    for (const stream of streams) {
      if (stream.sink.isClosed()) {
        streams.delete(stream);
        continue;
      }
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
