import { SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { StreamPiece } from '../providers/domain/stream-piece.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';
import { createStreamEnd } from '../requests/domain/stream-end.ts';

/** A streamed answer to a client, which begins with the first write. Writing to a disconnected client has no effect. */
export type StreamResponse = {
  /** While false, a failure can still get a status of its own. */
  readonly hasBegun: () => boolean;
  /** Sends a piece of the answer; its end waits. A returned promise resolves when the client has caught up. */
  readonly writePiece: (piece: StreamPiece) => Promise<void> | undefined;
  /** Sends the end of the answer, when it is settled. */
  readonly release: () => void;
  readonly write: (bytes: string) => void;
  readonly end: () => void;
  /** The whole answer so far; empty if it is longer than the limit. */
  readonly transcript: () => Buffer;
};

/** A key of the JSON: inside a string its quotes would be escaped. */
const FINISH_REASON = /"finish_reason":\s*"/;

/** @param transcriptLimitBytes how much of the answer to keep for {@link StreamResponse.transcript}. */
export function createStreamResponse(response: ResponseSender, transcriptLimitBytes: number): StreamResponse {
  let chunks: Buffer[] = [];
  let size = 0;
  const hasBegun = () => response.head() !== undefined;

  function keep(chunk: Buffer): void {
    size += chunk.length;
    if (size > transcriptLimitBytes) chunks = [];
    else chunks.push(chunk);
  }

  function send(chunk: Buffer): Promise<void> | undefined {
    if (!hasBegun()) response.begin({ status: 200, headers: SSE_HEADERS });
    return response.write(chunk);
  }

  const answer = createStreamEnd(send);

  return {
    hasBegun,
    writePiece({ bytes, text, reasoning }) {
      if (bytes === null) return undefined;
      const chunk = toBuffer(bytes);
      if (transcriptLimitBytes > 0) keep(Buffer.from(chunk));
      const isContent = text !== '' || reasoning !== '';
      return answer.push(chunk, { isContent, isEnd: FINISH_REASON.test(chunk.toString('latin1')) });
    },
    release: () => void answer.release(),
    write: (bytes) => void send(Buffer.from(bytes)),
    end: response.end,
    transcript: () => Buffer.concat(chunks),
  };
}

function toBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
