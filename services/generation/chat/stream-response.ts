import { SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';

/** A byte stream to a client, which begins with the first write. Writing to a disconnected client has no effect. */
export type StreamResponse = {
  /** While false, a failure can still get a status of its own. */
  readonly hasBegun: () => boolean;
  /** A returned promise resolves when the client has caught up. */
  readonly write: (bytes: Uint8Array | string) => Promise<void> | undefined;
  readonly end: () => void;
  /** Everything written; empty if it is longer than the limit. */
  readonly transcript: () => Buffer;
};

/** @param transcriptLimitBytes how much of what is written to keep for {@link StreamResponse.transcript}. */
export function createStreamResponse(response: ResponseSender, transcriptLimitBytes: number): StreamResponse {
  let chunks: Buffer[] = [];
  let size = 0;
  const hasBegun = () => response.head() !== undefined;

  function keep(chunk: Buffer): void {
    size += chunk.length;
    if (size > transcriptLimitBytes) chunks = [];
    else chunks.push(chunk);
  }

  return {
    hasBegun,
    write(bytes) {
      if (!hasBegun()) response.begin({ status: 200, headers: SSE_HEADERS });
      const chunk = toBuffer(bytes);
      if (transcriptLimitBytes > 0) keep(Buffer.from(chunk));
      return response.write(chunk);
    },
    end: response.end,
    transcript: () => Buffer.concat(chunks),
  };
}

function toBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
