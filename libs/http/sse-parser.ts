import { createParser } from 'eventsource-parser';

/** One server-sent event. */
export type SseEvent = {
  /** `message` unless the server names it. */
  readonly event: string;
  readonly data: string;
  /** The last id that the server sent, with this event or an earlier one. */
  readonly id: string | undefined;
};

export type SseParser = {
  /** Accepts the next bytes, split anywhere. @throws SseEventTooLargeError */
  readonly push: (chunk: Uint8Array) => void;
};

/** An event exceeds the size limit. */
export class SseEventTooLargeError extends Error {
  override readonly name = 'SseEventTooLargeError';
}

const MAX_EVENT_CHARACTERS = 8_388_608;

/**
 * Parses a byte stream of server-sent events as it arrives. An event that is incomplete when the stream ends is dropped,
 * as the standard requires.
 *
 * @param options.onComment receives comments, which are dropped otherwise.
 * @param options.maxEventCharacters limit for what is buffered of an incomplete event.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createSseParser(
  onEvent: (event: SseEvent) => void,
  {
    maxEventCharacters = MAX_EVENT_CHARACTERS,
    onComment,
  }: { maxEventCharacters?: number; onComment?: (comment: string) => void } = {},
): SseParser {
  const decoder = new TextDecoder();
  let id: string | undefined;
  const parser = createParser({
    maxBufferSize: maxEventCharacters,
    onId: (next) => {
      id = next;
    },
    ...(onComment && { onComment }),
    onEvent: ({ event = 'message', data }) => onEvent({ event, data, id }),
    onError: ({ type }) => {
      if (type !== 'max-buffer-size-exceeded') return;
      throw new SseEventTooLargeError(`An event is larger than ${maxEventCharacters} characters`);
    },
  });
  return { push: (chunk) => parser.feed(decoder.decode(chunk, { stream: true })) };
}

/** Parses any source of bytes, such as the body of a response. @throws SseEventTooLargeError */
export async function* parseSse(
  source: AsyncIterable<Uint8Array>,
  options: { maxEventCharacters?: number } = {},
): AsyncGenerator<SseEvent, void, undefined> {
  let ready: SseEvent[] = [];
  const parser = createSseParser((event) => ready.push(event), options);
  for await (const chunk of source) {
    parser.push(chunk);
    const events = ready;
    ready = [];
    yield* events;
  }
}
