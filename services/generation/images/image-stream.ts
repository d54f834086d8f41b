import { beginEvents, HEAD_DELAY_MS, type SseWriter, sseEvent } from '#libs/http/sse-writer.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';

/** Images as server-sent events. The stream begins with its first event, or with a comment after {@link HEAD_DELAY_MS}. */
export type ImageStream = {
  /** While false, a failure can still get a status of its own. */
  readonly hasBegun: () => boolean;
  readonly send: (event: string, data: object) => void;
  readonly preview: (index: number, position: number, base64: string) => void;
  readonly end: () => void;
  /** The request has failed before the stream began. */
  readonly cancel: () => void;
  /** The events of images and the last one, for a repeated request. */
  readonly transcript: (images: readonly object[], complete: object) => Buffer;
};

export function createImageStream(response: ResponseSender): ImageStream {
  let writer: SseWriter | undefined;
  const timer = setTimeout(() => begin().comment(' drawing'), HEAD_DELAY_MS).unref();

  function begin(): SseWriter {
    clearTimeout(timer);
    writer ??= beginEvents(response);
    return writer;
  }

  function send(event: string, data: object): void {
    void begin().send({ event, data: JSON.stringify(data) });
  }

  return {
    hasBegun: () => writer !== undefined,
    send,
    preview: (index, position, base64) =>
      send('partial_image', { index, partial_image_index: position, b64_json: base64 }),
    end: () => response.end(),
    cancel: () => clearTimeout(timer),
    transcript(images, complete) {
      const drawn = images.map((image) => sseEvent('image', image));
      return Buffer.from([...drawn, sseEvent('complete', complete)].join(''));
    },
  };
}
