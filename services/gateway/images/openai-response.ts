/** Images in OpenAI's form (https://platform.openai.com/docs/api-reference/images/object). */
import type { ImageGenerationRequest } from '#libs/contracts/image-generations.ts';
import { openAiErrorOf } from '#libs/problems/error-formats.ts';
import type { ProblemDocument } from '#libs/problems/problems.ts';
import { documentTranslator } from '../metering/domain/document-translator.ts';
import type { TranslateResponse } from '../metering/domain/response-translator.ts';

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
  return ({ status }) => documentTranslator(status < 300 ? toList : toError, JSON_TYPE);
}

function asBase64({ b64_json, url }: Picture): object {
  return b64_json === null ? { url } : { b64_json };
}

/** A data URL if the image could not be stored. */
function asUrl({ b64_json, url }: Picture): object {
  if (url !== null || b64_json === null) return { url };
  const [, type] = FORMATS.find(([beginning]) => b64_json.startsWith(beginning)) ?? [];
  return { url: `data:${type ?? 'image/png'};base64,${b64_json}` };
}
