import { SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { WorkAnswer } from './work-server.ts';

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

/** @param keepBytes how much of what is written to remember; 0 for nothing. */
export function createStreamResponse(answer: WorkAnswer, keepBytes: number): StreamResponse {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  const hasBegun = () => answer.head() !== undefined;

  function remember(chunk: Buffer): void {
    keptBytes += chunk.length;
    if (keptBytes > keepBytes) kept = [];
    else kept.push(chunk);
  }

  return {
    hasBegun,
    write(bytes) {
      if (!hasBegun()) answer.begin({ status: 200, headers: SSE_HEADERS });
      const chunk = toBuffer(bytes);
      if (keepBytes > 0) remember(Buffer.from(chunk));
      return answer.write(chunk);
    },
    end: answer.end,
    transcript: () => Buffer.concat(kept),
  };
}

function toBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
