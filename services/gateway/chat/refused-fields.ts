/** Parameters and parts of chat requests that are refused by name: their cost is in no hold. */
import { chatCompletionRequest, RECORDING_FORMATS } from '#libs/contracts/chat-completions.ts';
import { type Fields, isFields, listOf, refuse, shown } from './domain/fields.ts';

const KNOWN: ReadonlySet<string> = new Set(Object.keys(chatCompletionRequest.shape));

const REASONS: Readonly<Record<string, string>> = {
  prediction: 'tokens of a prediction that are rejected have a price of their own',
  audio: 'audio output has a price of its own',
  modalities: 'only ["text"] is',
  web_search_options: 'searches have a price of their own',
  functions: 'use tools alone',
  function_call: 'it needs functions; use tools and tool_choice',
};
const TIERS: ReadonlySet<unknown> = new Set(['auto', 'default', null, undefined]);
const PARTS: ReadonlySet<unknown> = new Set(['text', 'image_url', 'file', 'input_audio', 'refusal']);

/** @throws ProblemError `unsupported_parameter`, for the first one. */
export function refuseCostlyFields(body: unknown): void {
  if (!isFields(body)) return;
  for (const name of Object.keys(body)) {
    if (!KNOWN.has(name)) refuse(name, REASONS[name] ?? 'it is not a known parameter');
  }
  if (!TIERS.has(body.service_tier)) refuse('service_tier', 'other tiers have other prices');
  listOf(body.tools).forEach(({ type }, index) => {
    if (type !== undefined && type !== 'function') {
      refuse(`tools.${index}.type`, `use tools of type function or custom instead of ${shown(type)}`);
    }
  });
  listOf(body.messages).forEach(({ content }, index) => {
    listOf(content).forEach((part, position) => {
      checkPart(part, `messages.${index}.content.${position}`);
    });
  });
}

function checkPart({ type, file, input_audio: audio }: Fields, at: string): void {
  if (!PARTS.has(type)) {
    const taken = 'only text, image_url, file and input_audio';
    refuse(`${at}.type`, `parts of type ${shown(type)} are not taken, ${taken}`);
  }
  if (isFields(file) && file.file_data === undefined && file.file_id !== undefined) {
    refuse(
      `${at}.file.file_id`,
      'files are not stored; send file_data, a data URL of a PDF document or a URL',
    );
  }
  if (isFields(audio) && !(RECORDING_FORMATS as readonly unknown[]).includes(audio.format)) {
    refuse(`${at}.input_audio.format`, 'recordings are taken as wav or mp3');
  }
}
