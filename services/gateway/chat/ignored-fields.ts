/** What chat requests of common clients contain that no provider needs: dropped instead of refused. */
import { chatMessage } from '#libs/contracts/chat-completions.ts';
import { type Fields, isFields, listOf } from './domain/fields.ts';

/** Parameters that change nothing here: responses are never stored by providers, and these hints cost nothing. */
const IGNORED_PARAMETERS: ReadonlySet<string> = new Set([
  'store',
  'prompt_cache_retention',
  'prompt_cache_options',
  'usage',
]);

const MESSAGE_FIELDS = new Map<string, ReadonlySet<string>>(
  chatMessage.options.flatMap(({ shape }) => {
    const fields = new Set(Object.keys(shape));
    const { role } = shape;
    const roles: readonly string[] = 'values' in role ? [...role.values] : [];
    return roles.map((name) => [name, fields] as const);
  }),
);
const TOOL_CALL_FIELDS: ReadonlySet<string> = new Set(['id', 'type', 'function', 'index']);
const CALLED_FUNCTION_FIELDS: ReadonlySet<string> = new Set(['name', 'arguments']);
const TOOL_FIELDS: ReadonlySet<string> = new Set(['type', 'function', 'cache_control']);
const FUNCTION_FIELDS: ReadonlySet<string> = new Set(['name', 'description', 'parameters', 'strict']);
const DETAILS: ReadonlySet<unknown> = new Set(['auto', 'low', 'high']);
const PART_FIELDS: Readonly<Record<string, ReadonlySet<string>>> = {
  image_url: new Set(['type', 'image_url', 'cache_control']),
  file: new Set(['type', 'file', 'cache_control']),
  input_audio: new Set(['type', 'input_audio', 'cache_control']),
};
const FILE_FIELDS: ReadonlySet<string> = new Set(['file_data', 'file_id', 'filename']);
const AUDIO_FIELDS: ReadonlySet<string> = new Set(['data', 'format']);

/**
 * Removes from a chat request, in place: parameters that are null or have no effect, and unknown fields of messages, parts
 * that are not texts, tool calls and tools. Unknown parameters of the request itself stay, so that they are refused: they could cost
 * money that no hold covers.
 *
 * @returns whether anything was removed.
 */
export function dropIgnoredFields(body: unknown): boolean {
  if (!isFields(body)) return false;
  let dropped = asksForUsage(body);
  if (dropped) body.stream_options = { include_usage: true };
  for (const name of Object.keys(body)) {
    if (body[name] !== null && !IGNORED_PARAMETERS.has(name) && !isTextModality(name, body[name])) continue;
    delete body[name];
    dropped = true;
  }
  for (const message of listOf(body.messages)) dropped = dropFromMessage(message) || dropped;
  for (const tool of listOf(body.tools)) {
    dropped = keepOnly(tool, TOOL_FIELDS) || dropped;
    if (!isFields(tool.function)) continue;
    dropped = keepOnly(tool.function, FUNCTION_FIELDS) || dropped;
    dropped = dropNulls(tool.function) || dropped;
  }
  return dropped;
}

function dropFromMessage(message: Fields): boolean {
  const fields = MESSAGE_FIELDS.get(String(message.role));
  let dropped = fields === undefined ? false : keepOnly(message, fields);
  for (const part of listOf(message.content)) {
    const known = PART_FIELDS[String(part.type)];
    if (known === undefined) continue;
    dropped = keepOnly(part, known) || dropped;
    dropped = dropUnknownDetail(part.image_url) || dropped;
    if (isFields(part.file)) {
      dropped = keepOnly(part.file, FILE_FIELDS) || dropped;
      dropped = dropNulls(part.file) || dropped;
    }
    if (isFields(part.input_audio)) dropped = keepOnly(part.input_audio, AUDIO_FIELDS) || dropped;
  }
  for (const call of listOf(message.tool_calls)) {
    dropped = keepOnly(call, TOOL_CALL_FIELDS) || dropped;
    if (isFields(call.function)) dropped = keepOnly(call.function, CALLED_FUNCTION_FIELDS) || dropped;
  }
  return dropped;
}

/** Newer values than those of the contract; an image's bound holds for every detail. */
function dropUnknownDetail(image: unknown): boolean {
  if (!isFields(image) || image.detail === undefined || DETAILS.has(image.detail)) return false;
  delete image.detail;
  return true;
}

function keepOnly(fields: Fields, known: ReadonlySet<string>): boolean {
  let dropped = false;
  for (const name in fields) {
    if (known.has(name)) continue;
    delete fields[name];
    dropped = true;
  }
  return dropped;
}

function dropNulls(fields: Fields): boolean {
  let dropped = false;
  for (const name in fields) {
    if (fields[name] !== null) continue;
    delete fields[name];
    dropped = true;
  }
  return dropped;
}

/** OpenRouter's form of `stream_options.include_usage`. */
function asksForUsage({ stream, usage }: Fields): boolean {
  return stream === true && isFields(usage) && usage.include === true;
}

/** `modalities: ["text"]` asks for what every model answers with. */
function isTextModality(name: string, value: unknown): boolean {
  return name === 'modalities' && Array.isArray(value) && value.length === 1 && value[0] === 'text';
}
