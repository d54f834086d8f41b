/** Images in OpenAI's form (https://platform.openai.com/docs/api-reference/images/object). */
import type { ImageGenerationRequest } from '#libs/contracts/image-generations.ts';
import { createSseParser } from '#libs/http/sse-parser.ts';
import { sseEvent } from '#libs/http/sse-writer.ts';
import { openAiErrorOf } from '#libs/problems/error-formats.ts';
import type { ProblemDocument } from '#libs/problems/problems.ts';
import { documentTranslator, parseObject } from '../metering/domain/document-translator.ts';
import type { ResponseTranslator, TranslateResponse } from '../metering/domain/response-translator.ts';

type Picture = { b64_json: string | null; url: string | null };

const JSON_TYPE = 'application/json; charset=utf-8';
/** The first characters of formats in Base64. */
const FORMATS = [
  ['/9j/', 'image/jpeg'],
  ['UklGR', 'image/webp'],
] as const;

export function translateImages(
  format: ImageGenerationRequest['response_format'],
  createdAtSeconds: number,
): TranslateResponse {
  const present = format === 'url' ? asUrl : asBase64;
  const toList = (document: object) => ({
    created: createdAtSeconds,
    data: (document as { images: Picture[] }).images.map(present),
  });
  const toError = (document: object) => openAiErrorOf(document as ProblemDocument);
  return ({ status, contentType }) =>
    contentType.startsWith('text/event-stream')
      ? imageEventTranslator(format, createdAtSeconds)
      : documentTranslator(status < 300 ? toList : toError, JSON_TYPE);
}

/** The events of a stream under OpenAI's names. The last of ours says nothing that theirs could. */
function imageEventTranslator(
  format: ImageGenerationRequest['response_format'],
  createdAtSeconds: number,
): ResponseTranslator {
  let written = '';
  const write = (event: string, data: object) => {
    written += sseEvent(event, data);
  };
  const parser = createSseParser(
    ({ event, data }) => {
      const document = parseObject(data);
      if (document === undefined) return;
      if (event === 'error') write('error', openAiErrorOf(document as ProblemDocument));
      const type = TYPES[event];
      if (type === undefined) return;
      const {
        b64_json,
        url = null,
        partial_image_index,
      } = document as Picture & { partial_image_index?: number };
      write(type, {
        type,
        b64_json,
        created_at: createdAtSeconds,
        ...(format === 'url' && event === 'image' && asUrl({ b64_json, url })),
        ...(partial_image_index !== undefined && { partial_image_index }),
      });
    },
    {
      maxEventCharacters: MAX_IMAGE_CHARACTERS,
      onComment: (comment) => (written += `: ${comment.trim()}\n\n`),
    },
  );
  return {
    push(bytes) {
      written = '';
      parser.push(bytes);
      return written;
    },
    end: () => '',
  };
}

const TYPES: Readonly<Record<string, string>> = {
  partial_image: 'image_generation.partial_image',
  image: 'image_generation.completed',
};
/** An image of 32 MiB. */
const MAX_IMAGE_CHARACTERS = 44_739_244;

function asBase64({ b64_json, url }: Picture): object {
  return b64_json === null ? { url } : { b64_json };
}

/** A data URL if the image could not be stored. */
function asUrl({ b64_json, url }: Picture): object {
  if (url !== null || b64_json === null) return { url };
  const [, type] = FORMATS.find(([beginning]) => b64_json.startsWith(beginning)) ?? [];
  return { url: `data:${type ?? 'image/png'};base64,${b64_json}` };
}
