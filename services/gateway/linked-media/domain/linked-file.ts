/** What a URL of a prompt may have. */
import type { RecordingFormat } from '#libs/contracts/chat-completions.ts';

type Bytes = { readonly mediaType: string; readonly bytes: Buffer };
export type LinkedFile =
  | ({ readonly kind: 'image' | 'pdf' } & Bytes)
  | ({ readonly kind: 'recording'; readonly format: RecordingFormat } & Bytes)
  | { readonly kind: 'text'; readonly mediaType: string; readonly text: string };

export const UNREADABLE_TYPE = 'It must be an image, a PDF document, a text, or a recording as WAV or MP3.';
const WEB_PAGE = 'It is a web page. Link to the image or document itself.';

const IMAGES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
const RECORDINGS: ReadonlyMap<string, RecordingFormat> = new Map([
  ['audio/wav', 'wav'],
  ['audio/mpeg', 'mp3'],
]);
const LOOKS_LIKE_HTML = /^\s*(?:<!doctype html|<html|<head|<body)/i;
const HTML = /^(?:text\/html|application\/xhtml\+xml)\b/i;

/**
 * @param detected the media type that the bytes show; undefined for a text, and for what is unknown.
 * @param declared the media type that the server says.
 * @returns a text if prompts cannot have it: why.
 */
export function linkedFileOf(
  bytes: Buffer,
  detected: string | undefined,
  declared: string,
): LinkedFile | string {
  if (detected === 'application/pdf') return { kind: 'pdf', mediaType: detected, bytes };
  if (detected !== undefined && IMAGES.has(detected)) return { kind: 'image', mediaType: detected, bytes };
  const format = RECORDINGS.get(detected ?? '');
  if (detected !== undefined && format) return { kind: 'recording', mediaType: detected, format, bytes };
  // XML is text.
  if (detected !== undefined && detected !== 'application/xml') return UNREADABLE_TYPE;
  const text = textOf(bytes);
  if (text === undefined) return UNREADABLE_TYPE;
  if (HTML.test(declared) || LOOKS_LIKE_HTML.test(text)) return WEB_PAGE;
  return { kind: 'text', mediaType: detected ?? 'text/plain', text };
}

function textOf(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text === '' || text.includes('\u0000') ? undefined : text;
  } catch {
    return undefined;
  }
}
