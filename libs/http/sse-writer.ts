/** The destination of one stream. Writing to a disconnected client has no effect. */
export type SseSink = {
  /** A returned promise resolves when there is room for more. */
  readonly write: (bytes: Buffer) => Promise<void> | undefined;
  /** Whether the stream has ended. */
  readonly isClosed: () => boolean;
};

/** Writes server-sent events to one response. */
export type SseWriter = {
  /**
   * Sends one event. Await the result, which resolves when there is room for the next event: at once, unless the client is
   * slow.
   */
  readonly send: (event: { event?: string; data: string; id?: string }) => Promise<void> | undefined;
  /** Sends complete events as they are. */
  readonly write: (bytes: Buffer) => Promise<void> | undefined;
  /** Sends a comment, which clients ignore. */
  readonly comment: (text: string) => void;
};

const KEEP_ALIVE = Buffer.from(':\n\n');
/** Below every common proxy's idle timeout. */
const KEEP_ALIVE_MS = 15_000;

/** All streams share a timer with this many ticks per keep-alive interval, so a comment is at most one tick late. */
const TICKS_PER_KEEP_ALIVE = 3;

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would otherwise buffer the events
  'x-accel-buffering': 'no',
};

/**
 * Writes events to a stream that began with {@link SSE_HEADERS}, and a keep-alive comment when it is idle.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function createSseWriter(sink: SseSink, keepAliveMs = KEEP_ALIVE_MS): SseWriter {
  const stream: Stream = { sink, idleTicks: 0 };
  (tickers.get(keepAliveMs) ?? startTicker(keepAliveMs)).add(stream);
  return {
    send: (event) => write(stream, Buffer.from(formatEvent(event))),
    write: (bytes) => write(stream, bytes),
    comment: (text) => {
      void write(stream, Buffer.from(`:${text.replace(/[\r\n]+/g, ' ')}\n\n`));
    },
  };
}

/** Well below the time after which proxies end a silent request. Until then, a failure gets a status of its own. */
export const HEAD_DELAY_MS = 3_000;

/** A response that has not begun. */
export type EventResponse = Pick<SseSink, 'write'> & {
  readonly begin: (head: { status: number; headers: Record<string, string> }) => void;
  readonly isGone: () => boolean;
  readonly hasEnded: () => boolean;
};

/** Begins a response of server-sent events. */
export function beginEvents(response: EventResponse): SseWriter {
  response.begin({ status: 200, headers: SSE_HEADERS });
  return createSseWriter({ write: response.write, isClosed: () => response.isGone() || response.hasEnded() });
}

type Stream = { readonly sink: SseSink; idleTicks: number };

function write(stream: Stream, bytes: Buffer): Promise<void> | undefined {
  stream.idleTicks = 0;
  return stream.sink.write(bytes);
}

/** One event whose data is JSON, as text. */
export const sseEvent = (event: string, data: object): string =>
  formatEvent({ event, data: JSON.stringify(data) });

/** One event as text. */
export function formatEvent({ event, data, id }: { event?: string; data: string; id?: string }): string {
  let text = '';
  if (event !== undefined) text += `event: ${event}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  // JSON contains no line breaks, so most data is one line
  return /[\r\n]/.test(data)
    ? `${text}${data
        .split(/\r\n|\r|\n/)
        .map((line) => `data: ${line}\n`)
        .join('')}\n`
    : `${text}data: ${data}\n\n`;
}

/** One timer per keep-alive interval, not per stream. It runs only while there are streams. */
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
      if (stream.idleTicks >= TICKS_PER_KEEP_ALIVE) void write(stream, KEEP_ALIVE);
    }
    if (streams.size > 0) return;
    clearInterval(timer);
    tickers.delete(keepAliveMs);
  }, keepAliveMs / TICKS_PER_KEEP_ALIVE);
  timer.unref();
  return streams;
}
