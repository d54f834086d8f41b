/** Images, documents and recordings that a prompt has as URLs. */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import { type MediaPart, mediaParts, type PlacedPart } from '#libs/pipelines/prompt-parts.ts';
import { markOf } from '../../chat/domain/cache-marks.ts';
import { named, nameOf } from '../../chat/domain/part-names.ts';
import { type LinkedFile, UNREADABLE_TYPE } from './linked-file.ts';

/** A part that has a URL in place of its content. */
export type Link = PlacedPart & { readonly url: string };

export type InlinePart = MediaPart | { type: 'text'; text: string };

const HTTP = /^https?:\/\//i;

export function linksOf(body: ChatCompletionRequest): Link[] {
  return mediaParts(body).flatMap((placed) => {
    const url = urlOf(placed.part);
    return url !== undefined && HTTP.test(url) ? [{ ...placed, url }] : [];
  });
}

function urlOf(part: MediaPart): string | undefined {
  if (part.type === 'image_url') return part.image_url.url;
  return part.type === 'file' ? part.file.file_data : undefined;
}

/**
 * The part with the content of its URL, as if the request had it.
 * @returns a text if the part cannot have it: why.
 */
export function inlinePart(link: Link, file: LinkedFile): InlinePart | string {
  const { part } = link;
  if (part.type === 'image_url') {
    if (file.kind !== 'image') return `It must be an image, not ${file.mediaType}.`;
    return renamed(link, { ...part, image_url: { ...part.image_url, url: dataUrl(file) } });
  }
  if (part.type !== 'file') return UNREADABLE_TYPE;
  const mark = markOf(part);
  switch (file.kind) {
    case 'text':
      return { type: 'text', text: file.text, ...mark };
    case 'image':
      return renamed(link, { type: 'image_url', image_url: { url: dataUrl(file) }, ...mark });
    case 'recording': {
      const input_audio = { data: file.bytes.toString('base64'), format: file.format };
      return renamed(link, { type: 'input_audio', input_audio });
    }
    case 'pdf':
      return renamed(link, { ...part, file: { ...part.file, file_data: dataUrl(file) } });
  }
}

function renamed<Part extends MediaPart>(link: Link, part: Part): Part {
  return named(part, nameOf(link));
}

function dataUrl({ mediaType, bytes }: { mediaType: string; bytes: Buffer }): string {
  return `data:${mediaType};base64,${bytes.toString('base64')}`;
}

/** The request with other parts in the places of its links. */
export function withParts(
  body: ChatCompletionRequest,
  parts: ReadonlyMap<MediaPart, InlinePart>,
): ChatCompletionRequest {
  const messages = body.messages.map((message) => {
    if (!Array.isArray(message.content)) return message;
    const content = (message.content as MediaPart[]).map((part) => parts.get(part) ?? part);
    return { ...message, content } as ChatMessage;
  });
  return { ...body, messages };
}

/** How many characters the images, documents and recordings of a request have. */
export function mediaSize(body: ChatCompletionRequest): number {
  return mediaParts(body).reduce((size, { part }) => {
    const data = part.type === 'input_audio' ? part.input_audio.data : urlOf(part);
    return size + (data?.length ?? 0);
  }, 0);
}
