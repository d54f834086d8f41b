import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A stream of bytes to a client, begun with the first of them. Writing to a client that has gone is harmless. */
export type StreamResponse = {
  /** Nothing was sent yet, so a failure can still be answered properly. */
  readonly hasBegun: () => boolean;
  /** The promise, if there is one, resolves when the client has caught up. */
  readonly write: (bytes: Uint8Array | string) => Promise<void> | undefined;
  readonly end: () => void;
  /** Everything written; empty unless it was to be kept, or where it has become too long. */
  readonly transcript: () => Buffer;
};

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect events until its buffer is full
  'x-accel-buffering': 'no',
};

/** @param keepBytes how much of what is written to remember; 0 for nothing. */
export function createStreamResponse(reply: FastifyReply, keepBytes: number): StreamResponse {
  const { raw } = reply;
  let hasBegun = false;
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let drained: Promise<void> | undefined;

  function begin(): void {
    hasBegun = true;
    reply.hijack();
    if (!raw.destroyed) raw.writeHead(200, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...HEADERS });
  }

  function remember(bytes: Uint8Array | string): void {
    const chunk = Buffer.from(bytes as Uint8Array);
    keptBytes += chunk.length;
    if (keptBytes > keepBytes) kept = [];
    else kept.push(chunk);
  }

  function waitForClient(): Promise<void> {
    drained ??= new Promise((resolve) => {
      const done = () => {
        raw.off('drain', done);
        raw.off('close', done);
        drained = undefined;
        resolve();
      };
      raw.once('drain', done);
      raw.once('close', done);
    });
    return drained;
  }

  return {
    hasBegun: () => hasBegun,
    write(bytes) {
      if (!hasBegun) begin();
      if (keepBytes > 0) remember(bytes);
      if (raw.destroyed || raw.write(bytes)) return undefined;
      return waitForClient();
    },
    end() {
      if (!raw.destroyed) raw.end();
    },
    transcript: () => Buffer.concat(kept),
  };
}
