/** One server-sent event. */
export type SseEvent = {
  /** `message` unless the server names it. */
  readonly event: string;
  readonly data: string;
  /** The last id the server gave, on this event or before it. */
  readonly id: string | undefined;
};

export type SseParser = {
  /** Takes the next bytes, however they are cut. */
  readonly push: (chunk: Uint8Array) => void;
};

/** The server sends an event larger than we are willing to hold. */
export class SseEventTooLargeError extends Error {
  override readonly name = 'SseEventTooLargeError';
}

const MAX_EVENT_CHARACTERS = 8_388_608;

/**
 * Parses a byte stream of server-sent events as it arrives: any line ending, any cut (inside a character, between CR
 * and LF), comments and unknown fields skipped. An event that is not finished when the stream ends is dropped, as the
 * standard demands.
 *
 * @throws SseEventTooLargeError from `push` when one event exceeds the limit.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createSseParser(
  onEvent: (event: SseEvent) => void,
  options: { maxEventCharacters?: number } = {},
): SseParser {
  const { maxEventCharacters = MAX_EVENT_CHARACTERS } = options;
  const decoder = new TextDecoder();
  /** The beginning of a line, in the pieces it arrived in; joined once its end is here. */
  let pieces: string[] = [];
  let size = 0;
  let skipLineFeed = false;
  let name = '';
  let data: string[] = [];
  let id: string | undefined;

  const dispatch = () => {
    if (data.length > 0) onEvent({ event: name === '' ? 'message' : name, data: data.join('\n'), id });
    name = '';
    data = [];
    size = 0;
  };

  const takeLine = (line: string) => {
    if (line === '') {
      dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') name = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  };

  const measure = (length: number) => {
    size += length;
    if (size > maxEventCharacters) {
      throw new SseEventTooLargeError(`An event is larger than ${maxEventCharacters} characters`);
    }
  };

  return {
    push: (chunk) => {
      const text = decoder.decode(chunk, { stream: true });
      let start = 0;
      if (skipLineFeed && text !== '') {
        skipLineFeed = false;
        if (text.charCodeAt(0) === 0x0a) start = 1;
      }
      const lineEnd = /\r\n?|\n/g;
      lineEnd.lastIndex = start;
      for (let match = lineEnd.exec(text); match !== null; match = lineEnd.exec(text)) {
        const line = text.slice(start, match.index);
        measure(line.length);
        if (pieces.length === 0) {
          takeLine(line);
        } else {
          pieces.push(line);
          const whole = pieces.join('');
          pieces = [];
          takeLine(whole);
        }
        start = lineEnd.lastIndex;
        // a CR at the end may be half of a CR LF
        if (start === text.length) skipLineFeed = match[0] === '\r';
      }
      if (start < text.length) {
        const piece = text.slice(start);
        measure(piece.length);
        pieces.push(piece);
      }
    },
  };
}

/** The same over anything that yields bytes, such as the body of a response. */
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
