import type { Dispatcher } from 'undici';
import { createSseParser } from '#libs/http/sse-parser.ts';
import type { ImagePreviews } from '../domain/image-adapter.ts';
import type { CallContext } from '../domain/provider-adapter.ts';
import { exchange, type ProviderRequest } from '../exchange.ts';
import { type JsonObject, parseJson, textOrUndefined } from '../json.ts';
import { checkDocument, MAX_ANSWER_BYTES } from '../read-document.ts';
import { startTimeLimit } from '../time-limit.ts';

/**
 * Streams one image: previews, then the image with its usage.
 *
 * @returns the last event; undefined if the stream ended without it. @throws ProviderError
 * @see https://platform.openai.com/docs/api-reference/images-streaming
 */
export async function streamImage(
  dispatcher: Dispatcher,
  request: ProviderRequest,
  context: CallContext,
  { count, onPreview }: ImagePreviews,
): Promise<JsonObject | undefined> {
  const { signal, timeoutMs, trace } = context;
  // A preview may take as long as an image.
  const limit = startTimeLimit(signal, { timeoutMs });
  let completed: JsonObject | undefined;
  const parser = createSseParser(({ data }) => readEvent(parseJson(data)), {
    maxEventCharacters: MAX_ANSWER_BYTES,
  });

  function readEvent(data: unknown): void {
    const event = checkDocument(data, trace.providerRequestId);
    const image = textOrUndefined(event.b64_json);
    if (image === undefined) return;
    limit.progressed();
    // `image_generation.completed` or `image_edit.completed`
    if (String(event.type).endsWith('.completed')) completed = event;
    else onPreview(Number(event.partial_image_index), image);
  }

  try {
    await exchange(dispatcher, request, limit, trace, {
      onData: (chunk) => {
        parser.push(chunk);
        return undefined;
      },
      isComplete: () => completed !== undefined,
      maxBytes: MAX_ANSWER_BYTES * (1 + count),
    });
  } finally {
    limit.release();
  }
  return completed;
}
