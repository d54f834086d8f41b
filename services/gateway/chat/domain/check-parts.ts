/** Compares the images, documents and recordings of a prompt with what its model takes. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import {
  type MediaPart,
  mediaParts,
  type PlacedPart,
  pdfOf,
  secondsOf,
} from '#libs/pipelines/prompt-parts.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { nameOf } from './part-names.ts';

type Kind = { readonly label: string; readonly capability: 'vision' | 'pdf' | 'audio'; readonly use: string };

const KINDS: { readonly [Type in MediaPart['type']]: Kind } = {
  image_url: { label: 'images', capability: 'vision', use: 'a model that reads images' },
  file: {
    label: 'PDF documents',
    capability: 'pdf',
    use: 'a model of OpenAI, Claude or Gemini that reads them, or send the text of the document',
  },
  input_audio: {
    label: 'recordings',
    capability: 'audio',
    use: 'gpt-audio or a model of Gemini, or POST /v1/audio/transcriptions',
  },
};

/** Whether a model reads every part of a prompt. */
export function readsParts(body: ChatCompletionRequest, { capabilities }: ModelInfo): boolean {
  return mediaParts(body).every(({ part }) => capabilities[KINDS[part.type].capability] === true);
}

/**
 * @throws ProblemError `unsupported_parameter` for a part that the model does not read, `invalid_request` for one whose
 * data is not what it says.
 */
export function requireReadableParts(body: ChatCompletionRequest, info: ModelInfo): void {
  for (const placed of mediaParts(body)) {
    requireKind(placed, info);
    const param = nameOf(placed);
    const mistake = mistakeOf(placed.part);
    if (mistake !== undefined) {
      throw problem('invalid_request', { detail: `${param} ${mistake}`, fields: { param } });
    }
  }
}

/** The check of what is certain before URLs are read. @throws ProblemError `unsupported_parameter` for an image. */
export function requireReadableImages(body: ChatCompletionRequest, info: ModelInfo): void {
  for (const placed of mediaParts(body)) {
    if (placed.part.type === 'image_url') requireKind(placed, info);
  }
}

function requireKind(placed: PlacedPart, { model, capabilities }: ModelInfo): void {
  const { label, capability, use } = KINDS[placed.part.type];
  if (capabilities[capability] === true) return;
  const param = nameOf(placed);
  throw problem('unsupported_parameter', {
    detail: `${param}: the model ${model} does not read ${label}. Use ${use}.`,
    fields: { param, model },
  });
}

const DATA_IMAGE = /^data:image\/[\w.+-]+(?:;[^,;]*)*;base64,/i;

/** Of a part whose URL, if it had one, has been read. */
function mistakeOf(part: MediaPart): string | undefined {
  if (part.type === 'image_url' && !DATA_IMAGE.test(part.image_url.url.slice(0, 200))) {
    return 'must be an http or https URL, or a data URL of an image as base64.';
  }
  if (part.type === 'file' && pdfOf(part) === undefined) {
    return 'must be a PDF document as base64, of the type application/pdf, or an http or https URL.';
  }
  if (part.type === 'input_audio' && secondsOf(part) === undefined) {
    return 'must be a recording as base64: WAV with uncompressed samples of at least 8,000 Hz, or MP3.';
  }
  return undefined;
}
