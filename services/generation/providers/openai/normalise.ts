/** Answers of providers that speak OpenAI's format with an accent, as OpenAI's SDKs expect them. */
import type { ChatCompletion, ChatCompletionChunk, FinishReason } from '../domain/chat-format.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { fieldsOf, isObject, objectsIn } from '../json.ts';

type Fields = Record<string, unknown>;

/** Reasons that are not OpenAI's. Others are passed on, because newer ones of OpenAI are among them. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  // Mistral
  model_length: 'length',
  // xAI and servers of open models
  end_turn: 'stop',
  eos: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
};

/** @returns whether anything had to change. @throws ProviderError `malformed` if it has no choices. */
export function normaliseCompletion(answer: object): { completion: ChatCompletion; isChanged: boolean } {
  const completion = answer as Fields;
  if (!Array.isArray(completion.choices)) {
    throw new ProviderError('malformed', "The provider's answer has no choices.");
  }
  return {
    isChanged: normaliseChoices(completion, 'message'),
    completion: completion as unknown as ChatCompletion,
  };
}

/** @returns whether anything had to change. */
export function normaliseChunk(event: object): { chunk: ChatCompletionChunk; isChanged: boolean } {
  const chunk = event as Fields;
  return { isChanged: normaliseChoices(chunk, 'delta'), chunk: chunk as unknown as ChatCompletionChunk };
}

/** Where vendors put usage: Groq in an extension, Moonshot in the choice. */
export function usageIn(answer: object): unknown {
  const { usage, x_groq: extension, choices } = answer as Fields;
  if (isObject(usage)) return usage;
  return fieldsOf(extension).usage ?? objectsIn(choices).find((choice) => isObject(choice.usage))?.usage;
}

function normaliseChoices(answer: Fields, key: 'message' | 'delta'): boolean {
  const choices = objectsIn(answer.choices) as Fields[];
  let isChanged = !Array.isArray(answer.choices) || choices.length !== answer.choices.length;
  answer.choices = choices;
  choices.forEach((choice, position) => {
    if (normaliseChoice(choice, key, position)) isChanged = true;
  });
  return isChanged;
}

function normaliseChoice(choice: Fields, key: 'message' | 'delta', position: number): boolean {
  let isChanged = false;
  const set = (fields: Fields, name: string, value: unknown) => {
    fields[name] = value;
    isChanged = true;
  };
  if (choice.finish_reason === 'error') {
    throw new ProviderError('server', 'The provider failed while it answered.');
  }
  const finish = finishOf(choice.finish_reason);
  if (finish !== choice.finish_reason) set(choice, 'finish_reason', finish);
  if (typeof choice.index !== 'number') set(choice, 'index', position);
  if (!isObject(choice[key])) set(choice, key, messageOf(choice));
  const message = choice[key] as Fields;
  for (const name of ['content', 'refusal', 'reasoning', 'reasoning_content']) {
    const value = message[name];
    if (value === undefined || value === null || typeof value === 'string') continue;
    if (name !== 'content') set(message, name, textIn(value, 'text'));
    else {
      const thinking = textIn(value, 'thinking');
      if (thinking !== '') set(message, 'reasoning_content', thinking);
      set(message, 'content', textIn(value, 'text'));
    }
  }
  if (!message.reasoning && !message.reasoning_content) {
    const reasoning = textIn(message.thinking, 'text') || reasoningDetails(message.reasoning_details);
    if (reasoning !== '') set(message, 'reasoning_content', reasoning);
  }
  if (message.tool_calls !== undefined && message.tool_calls !== null) {
    const calls = objectsIn(message.tool_calls) as Fields[];
    if (!Array.isArray(message.tool_calls) || calls.length !== message.tool_calls.length) {
      set(message, 'tool_calls', calls);
    }
    calls.forEach((call, at) => {
      if (key === 'delta' && typeof call.index !== 'number') set(call, 'index', at);
      const called = fieldsOf(call.function) as Fields;
      if (isObject(called.arguments)) set(called, 'arguments', JSON.stringify(called.arguments));
    });
  }
  return isChanged;
}

/** Some servers send whole messages in a stream, or texts as in OpenAI's legacy completions. */
function messageOf({ message, text }: Fields): Fields {
  if (isObject(message)) return message as Fields;
  return typeof text === 'string' ? { content: text } : {};
}

/** An empty reason is none. */
function finishOf(reason: unknown): unknown {
  if (reason === undefined || reason === null || reason === '') return null;
  return typeof reason === 'string' && Object.hasOwn(FINISH_REASONS, reason)
    ? FINISH_REASONS[reason]
    : reason;
}

/** Mistral's content is a list of parts, and the text of a thinking part is a list again. Others send one part alone. */
function textIn(value: unknown, type: 'text' | 'thinking', depth = 0): string {
  if (typeof value === 'string') return value;
  let text = '';
  for (const part of objectsIn(isObject(value) ? [value] : value)) {
    if (part.type !== type || depth > 2) continue;
    const inner = part[type];
    text += typeof inner === 'string' ? inner : textIn(inner, 'text', depth + 1);
  }
  return text;
}

/** OpenRouter's parts of reasoning; encrypted ones have no text. */
function reasoningDetails(details: unknown): string {
  let text = '';
  for (const { text: words, summary } of objectsIn(details)) {
    if (typeof words === 'string') text += words;
    else if (typeof summary === 'string') text += summary;
  }
  return text;
}
