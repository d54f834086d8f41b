/** Parts of messages as other formats and vendors have them, as those of chats. */
import { type Fields, isFields, listOf, shown } from './fields.ts';

/** Replaces other forms in place. @returns whether anything changed. */
export function replaceOtherParts(body: Fields): boolean {
  const changes = listOf(body.messages).flatMap((message) => [
    ...listOf(message.content).map(replacePart),
    moveThoughts(message),
  ]);
  return changes.includes(true);
}

function replacePart(part: Fields): boolean {
  const chatPart = OTHER_PARTS[shown(part.type)]?.(part);
  if (chatPart === undefined) return false;
  const { cache_control: mark } = part;
  for (const field of Object.keys(part)) delete part[field];
  Object.assign(part, chatPart, mark !== undefined && { cache_control: mark });
  return true;
}

const text = ({ text }: Fields): Fields => ({ type: 'text', text });
const image = (url: unknown, detail?: unknown): Fields => ({
  type: 'image_url',
  image_url: { url, ...(detail !== undefined && { detail }) },
});
const file = (data: unknown, filename?: unknown): Fields => ({
  type: 'file',
  file: { file_data: data, ...(typeof filename === 'string' && { filename }) },
});

/** @returns undefined for a part that is one of chats, or that has no content to move. */
const OTHER_PARTS: Readonly<Record<string, (part: Fields) => Fields | undefined>> = {
  input_text: text,
  output_text: text,
  input_image: ({ image_url: url, detail }) => (typeof url === 'string' ? image(url, detail) : undefined),
  input_file: ({ file_data: data, file_url: url = data, filename }) =>
    typeof (data ?? url) === 'string' ? file(data ?? url, filename) : undefined,
  // Anthropic
  image: ({ source }) => (isFields(source) ? image(urlOf(source)) : undefined),
  document: ({ source, title }) => {
    if (!isFields(source)) return undefined;
    return source.type === 'text' ? text({ text: source.data }) : file(urlOf(source), title);
  },
  // Mistral
  image_url: ({ image_url: url }) => (typeof url === 'string' ? image(url) : undefined),
  document_url: ({ document_url: url }) => (typeof url === 'string' ? file(url) : undefined),
  // LiteLLM and OpenRouter
  file: ({ file: given }) => {
    if (!isFields(given) || typeof given.file_data === 'string') return undefined;
    const url = [given.file_url, given.file_id].find((one) => /^https?:/.test(shown(one)));
    return url === undefined ? undefined : file(url, given.filename);
  },
};

function urlOf({ type, url, media_type: mediaType, data }: Fields): unknown {
  return type === 'url' ? url : `data:${shown(mediaType)};base64,${shown(data)}`;
}

const isThought = (part: unknown) => isFields(part) && /^(?:redacted_)?thinking$/.test(shown(part.type));

/** Claude's thoughts as parts of an answer become `thinking_blocks`. One without a signature is unsigned. */
function moveThoughts(message: Fields): boolean {
  if (message.role !== 'assistant') return false;
  const { content } = message;
  let isChanged = false;
  if (Array.isArray(content) && content.some(isThought)) {
    const rest = content.filter((part) => !isThought(part));
    message.thinking_blocks ??= content.filter(isThought);
    message.content = rest.length > 0 ? rest : null;
    isChanged = true;
  }
  for (const block of listOf(message.thinking_blocks)) {
    if (block.type !== 'thinking' || block.signature != null) continue;
    block.signature = '';
    isChanged = true;
  }
  return isChanged;
}
