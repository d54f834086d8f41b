import { type ProblemError, problem } from '#libs/problems/problems.ts';

/** The text of a file or a page. */
export type ExtractedText = {
  /** In Markdown where the source has headings. Form feeds separate the pages of a PDF. */
  text: string;
  /** As detected, not as declared. */
  mediaType: string;
  /** The title that the source gives itself; null without one. */
  title: string | null;
  /** Of the source. */
  sizeBytes: number;
};

/** Reads the texts of customers' files and pages. */
export type TextExtractor = {
  /**
   * @param declaredType what its sender calls it; used only to tell kinds of text apart.
   * @throws ProblemError `unsupported_media_type` for a type without text, `semantic_error` for a file that cannot be read.
   */
  fromBytes: (bytes: Buffer, declaredType?: string) => Promise<ExtractedText>;
  /**
   * Only the public internet is reached.
   * @throws ProblemError as `fromBytes`, and `semantic_error` with `param: url` if the page cannot be fetched.
   */
  fromUrl: (url: string, signal?: AbortSignal) => Promise<ExtractedText & { url: string }>;
};

/** The longest text that is kept of a file, in UTF-16 units. */
export const LONGEST_TEXT = 2_000_000;

export function unreadable(detail: string, cause?: unknown): ProblemError {
  return problem('semantic_error', { detail, fields: { param: 'content' }, cause });
}

/** @throws ProblemError `unsupported_media_type` if the bytes are not text. */
export function decodeText(bytes: Buffer, charset = 'utf-8'): string {
  const isUtf16 = bytes.length >= 2 && (bytes.readUInt16BE(0) === 0xfffe || bytes.readUInt16BE(0) === 0xfeff);
  const encoding = isUtf16 ? (bytes[0] === 0xff ? 'utf-16le' : 'utf-16be') : charset;
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    if (!text.includes('\u0000')) return text;
  } catch {
    // not text, in the same way as bytes that decode to NUL
  }
  throw problem('unsupported_media_type', { detail: 'The file is neither text, PDF nor DOCX.' });
}

/** What is kept of a text. @throws ProblemError `semantic_error` if it is empty or too long. */
export function checkText(text: string): string {
  const kept = text.toWellFormed().replaceAll('\u0000', '').trim();
  if (kept.replaceAll('\f', '').trim() === '') throw unreadable('The file has no text; scans are not read.');
  if (kept.length > LONGEST_TEXT) throw unreadable(`The file has more than ${LONGEST_TEXT} characters.`);
  return kept;
}
