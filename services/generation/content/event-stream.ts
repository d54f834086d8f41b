import { createSseWriter, SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';

/** Named server-sent events with JSON data. The head is sent at once, and a keep-alive comment when idle. */
export type EventStream = {
  /** Resolves when there is room for the next event. */
  readonly send: (event: string, data: object) => Promise<void> | undefined;
  readonly end: () => void;
  /** All events so far and one more; undefined if they are longer than the limit. */
  readonly transcriptWith: (event: string, data: object) => Buffer | undefined;
};

/** @param transcriptLimitBytes how much of what is sent to keep for {@link EventStream.transcriptWith}. */
export function createEventStream(response: ResponseSender, transcriptLimitBytes: number): EventStream {
  response.begin({ status: 200, headers: SSE_HEADERS });
  const writer = createSseWriter({
    write: response.write,
    isClosed: () => response.isGone() || response.hasEnded(),
  });
  let transcript = '';
  let isComplete = transcriptLimitBytes > 0;
  return {
    send(event, data) {
      const json = JSON.stringify(data);
      if (isComplete) {
        transcript += format(event, json);
        isComplete = transcript.length <= transcriptLimitBytes;
        if (!isComplete) transcript = '';
      }
      return writer.send({ event, data: json });
    },
    end: response.end,
    transcriptWith(event, data) {
      return isComplete ? Buffer.from(transcript + format(event, JSON.stringify(data))) : undefined;
    },
  };
}

function format(event: string, json: string): string {
  return `event: ${event}\ndata: ${json}\n\n`;
}
