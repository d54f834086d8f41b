/** Parts of messages as other formats and vendors have them, as those of chats. */
import { type Fields, isFields, listOf, shown } from './fields.ts';

/** Replaces other forms in place. @returns whether anything changed. */
export function replaceOtherParts(body: Fields): boolean {
  const changes = [moveResults(body)];
  for (const message of listOf(body.messages)) {
    changes.push(...listOf(message.content).map(replacePart));
    if (message.role === 'assistant') changes.push(moveThoughts(message), moveCalls(message));
  }
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

const isOfType = (pattern: RegExp) => (part: unknown) => isFields(part) && pattern.test(shown(part.type));
const isThought = isOfType(/^(?:redacted_)?thinking$/);
const isCall = isOfType(/^tool_use$/);
const isResult = isOfType(/^tool_result$/);

/** Takes parts out of a message, in place. A message without others has no content. */
function takeParts(message: Fields, isTaken: (part: unknown) => boolean): Fields[] {
  const { content } = message;
  if (!Array.isArray(content) || !content.some(isTaken)) return [];
  const rest = content.filter((part) => !isTaken(part));
  message.content = rest.length > 0 ? rest : null;
  return content.filter(isTaken) as Fields[];
}

/** Claude's calls as parts of an answer. */
function moveCalls(message: Fields): boolean {
  const calls = takeParts(message, isCall);
  if (calls.length === 0) return false;
  const moved = calls.map(({ id, name, input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
  }));
  message.tool_calls = [...listOf(message.tool_calls), ...moved];
  return true;
}

/** Claude's results of tools as parts of what the user says become messages before it. */
function moveResults(body: Fields): boolean {
  if (!Array.isArray(body.messages)) return false;
  let isChanged = false;
  body.messages = body.messages.flatMap((message: unknown) => {
    if (!isFields(message) || message.role !== 'user') return [message];
    const results = takeParts(message, isResult).map(toResult);
    if (results.length === 0) return [message];
    isChanged = true;
    return message.content === null ? results : [...results, message];
  });
  return isChanged;
}

function toResult({ tool_use_id: id, content = '', is_error: failed, cache_control: mark }: Fields): Fields {
  return {
    role: 'tool',
    tool_call_id: id,
    content,
    ...(failed === true && { is_error: true }),
    ...(mark !== undefined && { cache_control: mark }),
  };
}

/** Claude's thoughts as parts of an answer become `thinking_blocks`. One without a signature is unsigned. */
function moveThoughts(message: Fields): boolean {
  const thoughts = takeParts(message, isThought);
  let isChanged = thoughts.length > 0;
  if (isChanged) message.thinking_blocks ??= thoughts;
  for (const block of listOf(message.thinking_blocks)) {
    if (block.type !== 'thinking' || block.signature != null) continue;
    block.signature = '';
    isChanged = true;
  }
  return isChanged;
}
