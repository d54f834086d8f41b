import { createSseWriter, SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { WorkAnswer } from './work-server.ts';

/** Named events with JSON data. The head leaves at once, and a comment whenever there is nothing to tell for long. */
export type EventStream = {
  /** Resolves when there is room for the next one. */
  readonly send: (event: string, data: object) => Promise<void> | undefined;
  readonly end: () => void;
  /** All events so far and one more; undefined where they were not kept, or have become too long. */
  readonly transcriptWith: (event: string, data: object) => Buffer | undefined;
};

/** @param keepBytes how much of what is sent to remember; 0 for nothing. */
export function createEventStream(answer: WorkAnswer, keepBytes: number): EventStream {
  answer.begin({ status: 200, headers: SSE_HEADERS });
  const writer = createSseWriter({
    write: answer.write,
    isClosed: () => answer.isGone() || answer.hasEnded(),
  });
  let transcript = '';
  let isWhole = keepBytes > 0;
  return {
    send(event, data) {
      const json = JSON.stringify(data);
      if (isWhole) {
        transcript += format(event, json);
        isWhole = transcript.length <= keepBytes;
        if (!isWhole) transcript = '';
      }
      return writer.send({ event, data: json });
    },
    end: answer.end,
    transcriptWith(event, data) {
      return isWhole ? Buffer.from(transcript + format(event, JSON.stringify(data))) : undefined;
    },
  };
}

function format(event: string, json: string): string {
  return `event: ${event}\ndata: ${json}\n\n`;
}
