import { beginEvents, HEAD_DELAY_MS, type SseWriter } from '#libs/http/sse-writer.ts';
import type { StreamPiece } from '../providers/domain/stream-piece.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';
import { createStreamEnd } from '../requests/domain/stream-end.ts';

/** The same once the provider has accepted the call: an error inside its answer follows at once. */
const ACCEPTED_DELAY_MS = 250;

/**
 * A streamed answer to a client. It begins with the first piece, or with a comment {@link ACCEPTED_DELAY_MS} after the
 * provider accepted the call, at the latest after {@link HEAD_DELAY_MS}; further comments follow while it is idle. Writing to
 * a disconnected client has no effect.
 */
export type StreamResponse = {
  /** While false, a failure can still get a status of its own. */
  readonly hasBegun: () => boolean;
  /** The provider has accepted the call, so a failure is unlikely from now on. */
  readonly beginSoon: () => void;
  /** Sends a piece of the answer; its end waits. A returned promise resolves when the client has caught up. */
  readonly writePiece: (piece: StreamPiece) => Promise<void> | undefined;
  /** Sends the end of the answer, when it is settled. */
  readonly release: () => void;
  readonly write: (bytes: string) => void;
  readonly end: () => void;
  /** The answer has failed before it began: nothing is sent, so that the failure can be. */
  readonly cancel: () => void;
  /** The whole answer so far; empty if it is longer than the limit. */
  readonly transcript: () => Buffer;
};

/** A key of the JSON: inside a string its quotes would be escaped. */
const FINISH_REASON = /"finish_reason":\s*"/;

/** @param transcriptLimitBytes how much of the answer to keep for {@link StreamResponse.transcript}. */
export function createStreamResponse(response: ResponseSender, transcriptLimitBytes: number): StreamResponse {
  let chunks: Buffer[] = [];
  let size = 0;
  let writer: SseWriter | undefined;
  let headTimer = waitFor(HEAD_DELAY_MS);
  let isOver = false;
  const hasBegun = () => response.head() !== undefined;

  function keep(chunk: Buffer): void {
    size += chunk.length;
    if (size > transcriptLimitBytes) chunks = [];
    else chunks.push(chunk);
  }

  function begin(): SseWriter {
    clearTimeout(headTimer);
    writer ??= beginEvents(response);
    return writer;
  }

  /** On a busy process, what the provider has sent by then is read before. */
  function waitFor(ms: number): NodeJS.Timeout {
    return setTimeout(() => setImmediate(beginWaiting), ms).unref();
  }

  function cancel(): void {
    isOver = true;
    clearTimeout(headTimer);
  }

  function beginWaiting(): void {
    if (!hasBegun() && !isOver) begin().comment(' waiting');
  }

  const send = (chunk: Buffer) => begin().write(chunk);

  const answer = createStreamEnd(send);

  return {
    hasBegun,
    beginSoon() {
      if (hasBegun()) return;
      clearTimeout(headTimer);
      headTimer = waitFor(ACCEPTED_DELAY_MS);
    },
    writePiece({ bytes, text, reasoning }) {
      if (bytes === null) return undefined;
      const chunk = Buffer.from(bytes);
      if (transcriptLimitBytes > 0) keep(chunk);
      const isContent = text !== '' || reasoning !== '';
      return answer.push(chunk, { isContent, isEnd: FINISH_REASON.test(bytes) });
    },
    release: () => void answer.release(),
    write: (bytes) => void send(Buffer.from(bytes)),
    end() {
      cancel();
      response.end();
    },
    cancel,
    transcript: () => Buffer.concat(chunks),
  };
}
