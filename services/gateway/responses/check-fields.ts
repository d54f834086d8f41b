/** Fields of OpenAI's responses that a chat cannot express: ignored where they are free, refused by name where not. */
import { RECORDING_FORMATS } from '#libs/contracts/chat-completions.ts';
import { responsesRequest } from '#libs/contracts/responses.ts';
import { refuseGrammar } from '../chat/domain/custom-tools.ts';
import { type Fields, isFields, listOf, refuse, shown, take } from '../chat/domain/fields.ts';
import { narrowTools } from '../chat/domain/other-forms.ts';
import { flattenNamespaces } from './domain/namespaces.ts';

/** Hints without an effect on the cost. */
const IGNORED = [
  'include',
  'truncation',
  'prompt_cache_retention',
  'prompt_cache_options',
  'stream_options',
  'max_tool_calls',
  'context_management',
  'client_metadata',
];

const REASONS: Readonly<Record<string, string>> = {
  background: 'responses are created while the client waits; use stream, or POST /api/generate for jobs',
  conversation: 'use previous_response_id',
  prompt: 'stored prompts are not known here; send instructions and input',
};

const KNOWN: ReadonlySet<string> = new Set(Object.keys(responsesRequest.shape));
const TIERS: ReadonlySet<unknown> = new Set(['auto', 'default', null, undefined]);
const ITEMS: ReadonlySet<unknown> = new Set([
  undefined,
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'reasoning',
  'item_reference',
]);
const OF_PROVIDER: ReadonlySet<unknown> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'mcp_call',
  'mcp_list_tools',
]);
const TOOL_TYPES: ReadonlySet<unknown> = new Set(['function', 'custom']);
const FORMATS: readonly unknown[] = RECORDING_FORMATS;
const PARTS: ReadonlySet<unknown> = new Set([
  'input_text',
  'output_text',
  'text',
  'summary_text',
  'reasoning_text',
  'input_image',
  'input_file',
  'input_audio',
  'refusal',
]);

/**
 * Removes what is ignored from a request, in place.
 * @returns the names of what was removed.
 * @throws ProblemError `unsupported_parameter`
 */
export function checkResponseFields(body: unknown): string[] {
  if (!isFields(body)) return [];
  flattenNamespaces(body);
  narrowTools(body);
  const ignored = [...take(body, IGNORED), ...dropOfflineSearch(body), ...dropProviderItems(body)];
  for (const name of Object.keys(body)) {
    if (KNOWN.has(name)) continue;
    if (body[name] === null || body[name] === false) delete body[name];
    else refuse(name, REASONS[name] ?? 'it is not a known parameter');
  }
  if (!TIERS.has(body.service_tier)) refuse('service_tier', 'other tiers have other prices');
  listOf(body.tools).forEach(({ type, format }, index) => {
    if (type === 'custom') refuseGrammar(format, `tools.${index}.format`);
    else if (type !== 'function') {
      refuse(`tools.${index}.type`, `use tools of type function or custom instead of ${shown(type)}`);
    }
  });
  if (isFields(body.tool_choice) && !TOOL_TYPES.has(body.tool_choice.type)) {
    refuse('tool_choice.type', 'use none, auto, required, a function or a custom tool');
  }
  listOf(body.input).forEach((item, index) => {
    const { type, content, output } = item;
    if (!ITEMS.has(type)) refuse(`input.${index}.type`, `items of type ${shown(type)} are not taken`);
    checkParts(content, `input.${index}.content`);
    checkParts(output, `input.${index}.output`);
  });
  return ignored;
}

/** Codex always offers a search without access to the web. No model here has one, so it is left out. */
function dropOfflineSearch(body: Fields): string[] {
  if (!Array.isArray(body.tools)) return [];
  const kept = body.tools.filter(
    (tool) => !(isFields(tool) && tool.type === 'web_search' && tool.external_web_access === false),
  );
  if (kept.length === body.tools.length) return [];
  body.tools = kept;
  return ['tools.web_search'];
}

/** Calls of tools that the provider ran in an earlier turn, which no other provider can read. */
function dropProviderItems(body: Fields): string[] {
  if (!Array.isArray(body.input)) return [];
  const dropped = body.input.filter((item) => isFields(item) && OF_PROVIDER.has(item.type));
  if (dropped.length === 0) return [];
  body.input = body.input.filter((item) => !dropped.includes(item));
  return [...new Set(dropped.map(({ type }) => `input.${shown(type)}`))];
}

function checkParts(content: unknown, path: string): void {
  listOf(content).forEach((part, position) => {
    const { type, image_url: url } = part;
    const at = `${path}.${position}`;
    if (!PARTS.has(type)) {
      refuse(
        `${at}.type`,
        `parts of type ${shown(type)} are not taken, only texts, input_image, input_file and input_audio`,
      );
    }
    if (type === 'input_image' && typeof url !== 'string') {
      refuse(`${at}.file_id`, 'files are not stored; send image_url, a URL or a data URL');
    }
    if (type === 'input_file' && typeof part.file_data !== 'string' && typeof part.file_url !== 'string') {
      refuse(
        `${at}.file_id`,
        'files are not stored; send file_data, a data URL of a PDF document, or file_url',
      );
    }
    if (isFields(part.input_audio) && !FORMATS.includes(part.input_audio.format)) {
      refuse(`${at}.input_audio.format`, 'recordings are taken as wav or mp3');
    }
  });
}
