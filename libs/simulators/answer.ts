import { writeContinuation, writeStep } from './content.ts';
import { writeObject } from './content-objects.ts';
import { type Answer, type Call, type Choice, type Prompt, Refusal, type Tool } from './dialect.ts';
import { type Directives, findDirectives, type UsageMode } from './faults.ts';
import { fencedTopic } from './fenced-texts.ts';
import { fillSchema } from './schema-filler.ts';
import { topicOf, writeText } from './text.ts';
import {
  type CachedTokens,
  charactersPerToken,
  countPromptTokens,
  countTokens,
  nothingCached,
  noUsage,
  type PromptMemory,
  type Usage,
} from './usage.ts';

/** Writes the visible text of a choice. */
export interface Writer {
  write(prompt: Prompt, choiceIndex: number, isWrongLanguage: boolean): string;
  /** Whether the text itself is brought to the number of tokens that is reported. */
  readonly fitsTokens: boolean;
}

export const readableWriter: Writer = {
  write(prompt, choiceIndex, isWrongLanguage) {
    const { system, toolResult } = prompt;
    if (toolResult !== undefined)
      return `The tool answered: “${toolResult.slice(0, 400)}”. Based on that, you can go ahead; let me know if you would like me to look into anything else.`;
    const task = taskOf(prompt);
    if (isContinued(prompt)) return writeContinuation(task, isWrongLanguage);
    return (
      writeStep(task, isWrongLanguage) ??
      writeText(task.replace(/\[\[simulate:[^\]]*\]\]/g, '').trim(), system, choiceIndex, isWrongLanguage)
    );
  },
  fitsTokens: true,
};

const CORRECTED = /^Correct your answer and give it again, complete\./;
const CONTINUED = /^Your answer was cut off\. Continue exactly where it ended/;

const isContinued = ({ user, parts }: Prompt) => CONTINUED.test(user) && parts.length > 2;
const isRepaired = (prompt: Prompt) => isContinued(prompt) || CORRECTED.test(prompt.user);

/** What is to be written: a request to correct or continue an answer comes after the task and the draft. */
function taskOf(prompt: Prompt): string {
  return (isRepaired(prompt) ? prompt.parts.at(-3) : undefined) ?? prompt.user;
}

/** Whether the answer is in another language than that of the task. */
function isInWrongLanguage(prompt: Prompt, { wrongLanguage }: Directives): boolean {
  if (!isRepaired(prompt)) return wrongLanguage !== undefined;
  const asked = findDirectives({ header: undefined, model: '', endUser: undefined, message: taskOf(prompt) });
  return 'wrongLanguage' in asked && asked.wrongLanguage === 'always';
}

const fixedText = 'Steady work beats a clever plan: measure first, change one thing, keep what helps.';

/** For load tests: next to no work per request, and usage as exact as ever. */
export const fixedWriter: Writer = { write: () => fixedText, fitsTokens: false };

/** Reasoning models by name; their hidden reasoning costs tokens. */
const reasoningModel = /^(o1|o3|o4|gpt-5|gemini-2\.5|grok-3-mini|grok-4)/;

export function reasonsByItself(model: string): boolean {
  return reasoningModel.test(model);
}

/** The cap of requests that set none, where a directive needs one. */
const assumedCap = 4096;
const moderatedTokens = 8;
/** What `usage=more` reports for a prompt: more than any bound of it. */
const TIMES_MORE = 40;
const MORE_TOKENS = 2000;
const defaultPieceCharacters = 24;

/** Further input of an answer. */
export interface AnswerContext {
  readonly id: string;
  readonly model: string;
  readonly createdAtSeconds: number;
  readonly writer: Writer;
  readonly memory: PromptMemory;
}

/**
 * Decides what a provider would answer and what it would charge.
 * @throws Refusal if moderation stops an image
 */
export function composeAnswer(call: Call, asked: Directives, context: AnswerContext): Answer {
  const directives = withUsageMode(asked);
  const { id, model, createdAtSeconds } = context;
  const choices: Choice[] = [];
  const usage = measureInput(call, directives, context);
  if (call.images > 0) {
    if (directives.moderated) {
      throw new Refusal(400, 'Your request was rejected by the safety system.', {
        code: 'moderation_blocked',
      });
    }
    usage.images = call.images;
  } else {
    const tool = chooseTool(call);
    for (let index = 0; index < call.choices; index += 1) {
      const reasoning = reasoningTokens(call, directives);
      const choice = composeChoice(call, directives, context, { index, reasoning, tool });
      choices.push(choice);
      usage.reasoning += reasoning;
      usage.output += choice.tokens;
    }
    if (directives.usage === 'more') usage.output *= 2;
  }
  const { chunks: pieces, noUsage: silent } = directives;
  return { id, model, createdAtSeconds, call, choices, usage, pieces, reportsUsage: !silent };
}

/** Both modes use the whole cap. */
function withUsageMode(directives: Directives): Directives {
  const { usage } = directives;
  return usage === 'max' || usage === 'more' ? { ...directives, fill: true } : directives;
}

function countInput(call: Call, { usage, fillInput }: Directives, textTokens: number): number {
  if (fillInput !== undefined) return fillInput;
  if (usage === undefined) return textTokens + call.prompt.imageTokens;
  const counted = call.countPrompt(countModeOf(usage));
  return usage === 'more' ? TIMES_MORE * counted + MORE_TOKENS : counted;
}

const countModeOf = (usage: UsageMode) => (usage === 'max' || usage === 'more' ? 'most' : 'documented');

/** The part of the counted prompt that is recordings. */
function countAudio(call: Call, { usage, fillInput }: Directives): number {
  return usage === undefined || fillInput !== undefined ? 0 : call.countAudio(countModeOf(usage));
}

function measureInput(call: Call, directives: Directives, context: AnswerContext): Usage {
  const textTokens = countPromptTokens(call.prompt.parts);
  const total = countInput(call, directives, textTokens);
  // A prompt that is only reported as larger has its size.
  const size = directives.usage === 'more' ? call.countPrompt('most') : total;
  if (call.window !== undefined && size > call.window && directives.fillInput === undefined) {
    throw new Refusal(400, `prompt is too long: ${size} tokens > ${call.window} maximum`);
  }
  const audio = countAudio(call, directives);
  const cached = cachedTokens(call, directives, context, textTokens);
  const cacheRead = Math.min(cached.cacheRead, total - audio);
  const cacheWrite = Math.min(cached.cacheWrite, total - audio - cacheRead);
  return { ...noUsage(), input: total - audio - cacheRead - cacheWrite, audio, cacheRead, cacheWrite };
}

function cachedTokens(
  { prompt, cachesByItself }: Call,
  { cached }: Directives,
  { memory, model }: AnswerContext,
  textTokens: number,
): CachedTokens {
  if (cached !== undefined) return { cacheRead: cached, cacheWrite: 0 };
  if (prompt.cacheMarks.length > 0) return memory.readMarked(model, prompt, textTokens);
  return cachesByItself ? memory.readAgain(model, prompt, textTokens) : nothingCached;
}

/** Most tokens this choice may use: the cap, or fewer if a directive names the number. */
function budgetOf(call: Call, { tokens, fill, overrun }: Directives): number {
  const cap = call.cap ?? (fill || overrun !== undefined ? assumedCap : Number.POSITIVE_INFINITY);
  return Math.min(cap, fill ? cap : (tokens ?? Number.POSITIVE_INFINITY));
}

function reasoningTokens(call: Call, directives: Directives): number {
  const budget = budgetOf(call, directives);
  if (directives.reasoning !== undefined) return Math.min(directives.reasoning, budget);
  // half the budget at most, so that a small cap still allows some text
  return call.reasons ? Math.min(48 + (call.prompt.user.length % 80), Math.floor(budget / 2)) : 0;
}

function composeChoice(
  call: Call,
  directives: Directives,
  { id, writer }: AnswerContext,
  { index, reasoning, tool }: { index: number; reasoning: number; tool: Tool | undefined },
): Choice {
  const available = budgetOf(call, directives) - reasoning;
  const structured = tool !== undefined || call.outputSchema !== undefined;
  const isWrong = isInWrongLanguage(call.prompt, directives);
  const natural = structured ? writeJson(call, tool, isWrong) : writer.write(call.prompt, index, isWrong);
  const naturalTokens = countTokens(natural.length);
  let tokens = Math.min(naturalTokens, available);
  if (directives.moderated) tokens = Math.min(tokens, moderatedTokens);
  else if (directives.overrun !== undefined) tokens = available + directives.overrun;
  else if (directives.fill || directives.tokens !== undefined) tokens = available;

  const cut = tokens < naturalTokens;
  const stretched = tokens > naturalTokens && !structured && writer.fitsTokens;
  const text = cut || stretched ? fitText(natural, tokens) : natural;
  // What is not reported can only be compared with a count of the text itself.
  if (directives.usage === 'zero') tokens = Math.min(tokens, call.countText(text));
  const atCap = directives.fill || directives.overrun !== undefined || reasoning + tokens === call.cap;
  const ended = directives.moderated ? 'filtered' : cut || (atCap && !structured) ? 'length' : undefined;
  if (tool === undefined) return { text, toolCall: undefined, tokens, finish: ended ?? 'stop' };
  const toolCall = { id: `${id}${index}`, name: tool.name, arguments: text };
  return { text: '', toolCall, tokens, finish: ended ?? 'tool' };
}

function chooseTool({ tools, toolChoice, prompt }: Call): Tool | undefined {
  if (tools.length === 0 || toolChoice === 'none') return undefined;
  if (typeof toolChoice === 'object') return tools.find(({ name }) => name === toolChoice.name);
  const mentioned = tools.find(({ name }) => prompt.user.toLowerCase().includes(name.toLowerCase()));
  if (toolChoice === 'required') return mentioned ?? tools[0];
  return prompt.toolResult === undefined ? mentioned : undefined;
}

function writeJson({ outputSchema, prompt }: Call, tool: Tool | undefined, isWrong: boolean): string {
  const schema = tool?.schema ?? outputSchema ?? {};
  const task = taskOf(prompt);
  const object = tool === undefined ? writeObject(schema, task, isWrong) : undefined;
  if (object !== undefined) return JSON.stringify(object);
  const topic = fencedTopic(task) ?? topicOf(task);
  if (tool === undefined && Object.keys(schema).length === 0) {
    return JSON.stringify({ topic, summary: writeText(prompt.user, prompt.system).slice(0, 240) });
  }
  return JSON.stringify(fillSchema({ type: 'object', ...schema }, topic));
}

/** Cuts or repeats a text so that it counts exactly this many tokens. */
function fitText(text: string, tokens: number): string {
  const characters = tokens * charactersPerToken;
  return (text.length < characters ? `${text}\n\n`.repeat(Math.ceil(characters / text.length)) : text).slice(
    0,
    characters,
  );
}

/** A piece of a streamed choice, and the visible tokens the client has with it. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
}

/** Cuts the text (or the tool's arguments) of a choice for streaming: `count` pieces, some empty if it is short. */
export function piecesOf({ text, toolCall, tokens }: Choice, count: number | undefined): Piece[] {
  const whole = toolCall?.arguments ?? text;
  const wanted = count ?? Math.max(1, Math.ceil(whole.length / defaultPieceCharacters));
  return Array.from({ length: wanted }, (_, index) => ({
    text: whole.slice(
      Math.floor((index * whole.length) / wanted),
      Math.floor(((index + 1) * whole.length) / wanted),
    ),
    tokens: Math.ceil(((index + 1) * tokens) / wanted),
  }));
}
