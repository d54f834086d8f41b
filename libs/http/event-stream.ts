import type { ServerResponse } from 'node:http';
import { createSseWriter, SSE_HEADERS, type SseWriter } from './sse-writer.ts';

/** Server-sent events on a response of Node. */
export type EventStream = Pick<SseWriter, 'send'> & {
  readonly end: () => void;
  /** Aborted when the client disconnects before the end. */
  readonly gone: AbortSignal;
};

/** Sends the head at once, and a comment when the stream is idle. */
export function openEventStream(response: ServerResponse, headers: Record<string, string> = {}): EventStream {
  const gone = new AbortController();
  let room: PromiseWithResolvers<void> | undefined;
  const makeRoom = () => {
    room?.resolve();
    room = undefined;
  };
  response.on('drain', makeRoom);
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
    makeRoom();
  });
  response.writeHead(200, { ...SSE_HEADERS, ...headers }).flushHeaders();
  const { send } = createSseWriter({
    write(bytes) {
      if (gone.signal.aborted || response.writableEnded || response.write(bytes)) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    isClosed: () => gone.signal.aborted || response.writableEnded,
  });
  return { send, end: () => response.end(), gone: gone.signal };
}
