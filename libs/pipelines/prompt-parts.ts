/** Images, documents and recordings in a chat prompt: everything that is not text. */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import { recordingSeconds } from './recording.ts';

type ContentPart = Exclude<ChatMessage['content'], string | null | undefined>[number];
export type MediaPart = Extract<ContentPart, { type: 'image_url' | 'file' | 'input_audio' }>;
export type FilePart = Extract<ContentPart, { type: 'file' }>;
export type AudioPart = Extract<ContentPart, { type: 'input_audio' }>;

/** Where a part is: `messages.<message>.content.<position>`. */
export type PlacedPart = { readonly part: MediaPart; readonly message: number; readonly position: number };

export function isMedia(part: ContentPart): part is MediaPart {
  return part.type === 'image_url' || part.type === 'file' || part.type === 'input_audio';
}

/** Every metered chat calls this several times, and most prompts have none: a list costs less than a generator. */
export function mediaParts({ messages }: Pick<ChatCompletionRequest, 'messages'>): PlacedPart[] {
  const parts: PlacedPart[] = [];
  for (let message = 0; message < messages.length; message += 1) {
    const content = messages[message]?.content;
    if (!Array.isArray(content)) continue;
    for (const [position, part] of (content as ContentPart[]).entries()) {
      if (isMedia(part)) parts.push({ part, message, position });
    }
  }
  return parts;
}

type CacheMark = { readonly ttl?: '5m' | '1h' | null | undefined };
type Marked = { readonly cache_control?: CacheMark | null | undefined };

/** Whether a message, a part or a tool is marked to be stored in a cache. @param ttl only marks of this duration. */
export function hasCacheMark({ messages, tools }: ChatCompletionRequest, ttl?: '1h'): boolean {
  const isMarked = ({ cache_control: mark }: Marked) =>
    mark !== undefined && mark !== null && (ttl === undefined || mark.ttl === ttl);
  const hasMarkedPart = ({ content }: ChatMessage) =>
    Array.isArray(content) && (content as Marked[]).some(isMarked);
  return (
    messages.some((message) => isMarked(message) || hasMarkedPart(message)) ||
    (tools?.some(isMarked) ?? false)
  );
}

/** Whether a prompt has anything that is not text, so that its tokens cannot be counted. */
export function hasMedia(request: Pick<ChatCompletionRequest, 'messages'>): boolean {
  return mediaParts(request).length > 0;
}

export function hasRecordings(request: Pick<ChatCompletionRequest, 'messages'>): boolean {
  return mediaParts(request).some(({ part }) => part.type === 'input_audio');
}

const PDF_URL = /^data:application\/pdf(?:;[^,;]*)*;base64,/;
/** Readers accept garbage before the header, within the first kilobyte. */
const PDF_HEADER_WITHIN = 1_024;
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

/** The base64 of a PDF document; undefined if the part has anything else. */
export function pdfOf({ file }: FilePart): string | undefined {
  const [prefix] = PDF_URL.exec(file.file_data.slice(0, 200)) ?? [];
  if (prefix === undefined) return undefined;
  const base64 = file.file_data.slice(prefix.length);
  const head = Buffer.from(base64.slice(0, 2 * PDF_HEADER_WITHIN), 'base64').subarray(0, PDF_HEADER_WITHIN);
  return head.includes('%PDF-') && BASE64.test(base64) ? base64 : undefined;
}

/** Bounds are needed several times for a request, and a recording may have megabytes. */
const seconds = new WeakMap<AudioPart, number | undefined>();

/** The most seconds that a recording can have; undefined if it is not of the format that it states. */
export function secondsOf(part: AudioPart): number | undefined {
  if (!seconds.has(part)) {
    const { data, format } = part.input_audio;
    seconds.set(part, BASE64.test(data) ? recordingSeconds(data, format) : undefined);
  }
  return seconds.get(part);
}
