/** What chat requests of common clients contain that no provider needs: dropped instead of refused. */
import { z } from 'zod';
import { chatMessage } from '#libs/contracts/chat-completions.ts';
import { type Fields, isFields, listOf, take } from './fields.ts';

/** Parameters that change nothing here: providers store no responses, and these hints cost nothing. */
const IGNORED_PARAMETERS: ReadonlySet<string> = new Set([
  'store',
  'metadata',
  'prompt_cache_retention',
  'prompt_cache_options',
  'usage',
  'include_reasoning',
]);
/** Hints of other vendors and proxies, which change no cost. Their names are sent in a header. */
const HINTS = [
  'provider',
  'route',
  'transforms',
  'min_p',
  'top_a',
  'repetition_penalty',
  'chat_template_kwargs',
  'enable_thinking',
];
/** Of OpenRouter: empty, they ask for nothing. */
const EMPTY_LISTS: ReadonlySet<string> = new Set(['models', 'plugins']);
/** Providers refuse an empty list of tools, and these parameters without tools. */
const OF_TOOLS = ['tools', 'tool_choice', 'parallel_tool_calls'];

const MESSAGE_FIELDS = new Map<unknown, ReadonlySet<string>>(
  chatMessage.options.flatMap(({ shape }) => {
    const fields = new Set(Object.keys(shape));
    const { role } = shape;
    const roles: readonly string[] = role instanceof z.ZodEnum ? role.options : [...role.values];
    return roles.map((name) => [name, fields] as const);
  }),
);
const TOOL_CALL_FIELDS: ReadonlySet<string> = new Set(['id', 'type', 'function', 'index', 'extra_content']);
const CALLED_FUNCTION_FIELDS: ReadonlySet<string> = new Set(['name', 'arguments']);
const TOOL_FIELDS: ReadonlySet<string> = new Set(['type', 'function', 'cache_control']);
const FUNCTION_FIELDS: ReadonlySet<string> = new Set(['name', 'description', 'parameters', 'strict']);
const FORMAT_FIELDS: ReadonlySet<string> = new Set(['type', 'json_schema']);
const SCHEMA_FIELDS: ReadonlySet<string> = new Set(['name', 'description', 'schema', 'strict']);
const STREAM_FIELDS: ReadonlySet<string> = new Set(['include_usage', 'include_obfuscation']);
const DETAILS: ReadonlySet<unknown> = new Set(['auto', 'low', 'high']);
const PART_FIELDS: ReadonlyMap<unknown, ReadonlySet<string>> = new Map(
  ['text', 'image_url', 'file', 'input_audio'].map((type) => [
    type,
    new Set(['type', type, 'cache_control']),
  ]),
);
const FILE_FIELDS: ReadonlySet<string> = new Set(['file_data', 'file_id', 'filename']);
const AUDIO_FIELDS: ReadonlySet<string> = new Set(['data', 'format']);
const MARK_FIELDS: ReadonlySet<string> = new Set(['type', 'ttl']);

/**
 * Removes from a chat request, in place: parameters that are null or have no effect, and unknown fields of messages, parts,
 * tool calls, tools and formats. Unknown parameters of the request itself stay, so that they are refused: they could cost
 * money that no hold covers.
 *
 * @returns whether anything changed.
 */
export function dropIgnoredFields(body: unknown): boolean {
  if (!isFields(body)) return false;
  let isChanged = asksForUsage(body);
  if (isChanged) body.stream_options = { include_usage: true };
  for (const name of Object.keys(body)) {
    if (!isUnset(name, body[name])) continue;
    delete body[name];
    isChanged = true;
  }
  for (const message of listOf(body.messages)) isChanged = dropFromMessage(message) || isChanged;
  isChanged = dropFromTools(body) || isChanged;
  isChanged = dropFromStreamOptions(body) || isChanged;
  const { response_format: format } = body;
  if (!isFields(format)) return isChanged;
  isChanged = keepOnly(format, FORMAT_FIELDS) || isChanged;
  return keepOnly(format.json_schema, SCHEMA_FIELDS) || isChanged;
}

/** Removes hints from a chat request, in place. @returns the names of those that had a value. */
export function takeHints(body: unknown): string[] {
  return isFields(body) ? take(body, HINTS) : [];
}

function isUnset(name: string, value: unknown): boolean {
  return (
    value === null ||
    IGNORED_PARAMETERS.has(name) ||
    isTextModality(name, value) ||
    (EMPTY_LISTS.has(name) && isEmptyList(value))
  );
}

function dropFromMessage(message: Fields): boolean {
  const fields = MESSAGE_FIELDS.get(message.role);
  if (fields === undefined) return false;
  let isChanged = keepOnly(message, fields, 'content');
  if (message.role === 'tool' && message.content === null) {
    message.content = '';
    isChanged = true;
  }
  isChanged = dropFromMark(message) || isChanged;
  for (const part of listOf(message.content)) isChanged = dropFromPart(part) || isChanged;
  if (isEmptyList(message.tool_calls)) {
    delete message.tool_calls;
    isChanged = true;
  }
  for (const call of listOf(message.tool_calls)) isChanged = repairCall(call) || isChanged;
  return isChanged;
}

function dropFromPart(part: Fields): boolean {
  const known = PART_FIELDS.get(part.type);
  if (known === undefined) return false;
  const changes = [
    keepOnly(part, known),
    dropFromMark(part),
    dropUnknownDetail(part.image_url),
    keepOnly(part.file, FILE_FIELDS),
    keepOnly(part.input_audio, AUDIO_FIELDS),
  ];
  return changes.includes(true);
}

/** Also gives a call the type and the form of arguments that providers expect. */
function repairCall(call: Fields): boolean {
  let isChanged = keepOnly(call, TOOL_CALL_FIELDS);
  isChanged = dropUnknownExtra(call) || isChanged;
  const { function: called } = call;
  if (!isFields(called)) return isChanged;
  isChanged = addType(call) || isChanged;
  isChanged = keepOnly(called, CALLED_FUNCTION_FIELDS) || isChanged;
  if (typeof called.arguments === 'string') return isChanged;
  called.arguments = JSON.stringify(called.arguments ?? {});
  return true;
}

/** Google's signature of a call is all that any provider reads of it. */
function dropUnknownExtra(call: Fields): boolean {
  const { extra_content: extra } = call;
  if (extra === undefined) return false;
  const google = isFields(extra) && isFields(extra.google) ? extra.google : {};
  const { thought_signature: signature } = google;
  if (typeof signature === 'string') call.extra_content = { google: { thought_signature: signature } };
  else delete call.extra_content;
  return true;
}

function addType(fields: Fields): boolean {
  if (fields.type !== undefined) return false;
  fields.type = 'function';
  return true;
}

function dropFromTools(body: Fields): boolean {
  if (body.tools === undefined || isEmptyList(body.tools)) {
    const isGiven = OF_TOOLS.some((name) => name in body);
    take(body, OF_TOOLS);
    return isGiven;
  }
  let isChanged = false;
  for (const tool of listOf(body.tools)) {
    isChanged = keepOnly(tool, TOOL_FIELDS) || isChanged;
    isChanged = dropFromMark(tool) || isChanged;
    if (!isFields(tool.function)) continue;
    isChanged = addType(tool) || isChanged;
    isChanged = keepOnly(tool.function, FUNCTION_FIELDS) || isChanged;
  }
  return isChanged;
}

/** Without a stream they have no effect, and OpenAI refuses them. */
function dropFromStreamOptions(body: Fields): boolean {
  if (!isFields(body.stream_options)) return false;
  if (body.stream === true) return keepOnly(body.stream_options, STREAM_FIELDS);
  delete body.stream_options;
  return true;
}

function dropFromMark({ cache_control: mark }: Fields): boolean {
  return keepOnly(mark, MARK_FIELDS);
}

/** Newer values than those of the contract; an image's bound holds for every detail. */
function dropUnknownDetail(image: unknown): boolean {
  if (!isFields(image) || image.detail === undefined || DETAILS.has(image.detail)) return false;
  delete image.detail;
  return true;
}

/** Removes unknown fields, and those that are null. @param nullable stays also as null. */
function keepOnly(fields: unknown, known: ReadonlySet<string>, nullable?: string): boolean {
  if (!isFields(fields)) return false;
  let isChanged = false;
  for (const name in fields) {
    if (known.has(name) && (fields[name] !== null || name === nullable)) continue;
    delete fields[name];
    isChanged = true;
  }
  return isChanged;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** OpenRouter's form of `stream_options.include_usage`. */
function asksForUsage({ stream, usage }: Fields): boolean {
  return stream === true && isFields(usage) && usage.include === true;
}

/** `modalities: ["text"]` asks for what every model answers with. */
function isTextModality(name: string, value: unknown): boolean {
  return name === 'modalities' && Array.isArray(value) && value.length === 1 && value[0] === 'text';
}
