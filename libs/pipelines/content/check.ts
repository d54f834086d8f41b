/** Decides what becomes of a model's answer: it is the output of its step, must be repaired, or fails the step. */
import type { Repair } from './prompt.ts';
import type { ContentStep, JsonSpec, MarkdownSpec, StepOutput } from './step.ts';
import { countHeadings, countWords, dropPartialEnd, plainText } from './text.ts';
import { languageProblems, textsIn } from './written-language.ts';

/** A text and whether the model stopped because of its output cap. */
export type Answer = { readonly text: string; readonly isCut: boolean };

/** What a request asks of every text: words that it must not have, and the language that it is in. */
export type TextRules = {
  readonly avoided?: readonly string[] | undefined;
  readonly language?: string | undefined;
};

export type Verdict =
  | { readonly kind: 'accept'; readonly output: StepOutput; readonly warnings: readonly string[] }
  | { readonly kind: 'repair'; readonly repair: Repair }
  /** `partial` is what can be kept of the answer for its owner. */
  | { readonly kind: 'fail'; readonly detail: string; readonly partial: string; readonly code?: string };

/**
 * @param repaired the repair that the answer is the result of; undefined for a first answer.
 * @param canRepair whether another call may follow.
 * @param rules what the request asks of every text.
 */
export function checkAnswer(
  step: Pick<ContentStep, 'spec'>,
  answer: Answer,
  canRepair: boolean,
  repaired?: Repair,
  { avoided = [], language }: TextRules = {},
): Verdict {
  const text = repaired?.kind === 'continue' ? joined(repaired.draft, answer.text) : answer.text;
  const whole = { text: withoutFence(text), isCut: answer.isCut };
  const { spec } = step;
  const found = avoidedIn(whole.text, avoided);
  if (spec.kind === 'json') return checkJson(spec, whole, canRepair, found, language);
  if (spec.kind === 'markdown')
    return checkMarkdown(spec, whole, canRepair, [...languageProblems(whole.text, language), ...found]);
  throw new TypeError(`A step of the kind ${spec.kind} writes no answer.`);
}

/** The words of the list that a text has, each as a problem. */
function avoidedIn(text: string, avoided: readonly string[]): string[] {
  return avoided
    .filter((word) => hasWord(text, word))
    .map((word) => `Say it without “${word}”, which is to be avoided.`);
}

function hasWord(text: string, word: string): boolean {
  const [plain, wanted] = [text, word].map((one) => one.normalize('NFC').toLowerCase()) as [string, string];
  // Only some scripts separate words.
  if (!/^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\P{L}]+$/u.test(wanted))
    return plain.includes(wanted);
  const pattern = RegExp.escape(wanted);
  return new RegExp(`(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`, 'u').test(plain);
}

function checkMarkdown(
  spec: MarkdownSpec,
  { text, isCut }: Answer,
  canRepair: boolean,
  found: readonly string[],
): Verdict {
  if (isCut && canRepair) return { kind: 'repair', repair: { draft: text, kind: 'continue', problems: [] } };
  const markdown = isCut ? dropPartialEnd(text) : text;
  const words = countWords(plainText(markdown));
  const headings = countHeadings(markdown);
  const problems = [
    ...found,
    ...(words >= spec.minWords ? [] : [`The text has ${words} words; at least ${spec.minWords} are wanted.`]),
    ...(headings >= spec.minHeadings
      ? []
      : [`The text has ${headings} headings ("## …"); at least ${spec.minHeadings} are wanted.`]),
  ];
  if (problems.length > 0 && canRepair)
    return { kind: 'repair', repair: { draft: text, kind: 'correct', problems } };
  if (words * 2 < spec.minWords || words === 0)
    return { kind: 'fail', detail: `The model wrote ${words} words only.`, partial: markdown };
  const warnings = isCut
    ? ['The text reached its output cap and ends earlier than planned.', ...problems]
    : problems;
  return { kind: 'accept', output: { markdown }, warnings };
}

function checkJson(
  { schema, problems, fit, localised = (all: never) => all }: JsonSpec,
  { text, isCut }: Answer,
  canRepair: boolean,
  found: readonly string[],
  language: string | undefined,
): Verdict {
  const again = (list: readonly string[]): Verdict => ({
    kind: 'repair',
    repair: { draft: text, kind: 'correct', problems: list },
  });
  const parsed = schema.safeParse(parseObject(text));
  if (!parsed.success) {
    const list = isCut
      ? ['It was too long and was cut off. Give it again, shorter.']
      : parsed.error.issues
          .slice(0, 5)
          .map(({ path, message }) => `${path.join('.') || 'answer'}: ${message}`);
    if (canRepair) return again(list);
    return {
      kind: 'fail',
      detail: `The model did not return the requested fields. ${list[0]}`,
      partial: text,
    };
  }
  const value = parsed.data as never;
  const lasting = [...languageProblems(textsIn(localised(value)), language), ...found];
  const list = [...lasting, ...problems(value)];
  if (list.length > 0 && canRepair) return again(list);
  return {
    kind: 'accept',
    output: { json: fit(value) },
    warnings: [...lasting, ...problems(fit(value) as never)],
  };
}

/** The object in a text, which may be fenced or introduced; undefined if there is none. */
function parseObject(text: string): unknown {
  const start = text.indexOf('{');
  const end = text.lastIndexOf('}');
  if (start < 0 || end < start) return undefined;
  try {
    return JSON.parse(text.slice(start, end + 1));
  } catch {
    return undefined;
  }
}

/** NUL cannot be stored. A text that is fenced as a whole is unwrapped. */
function withoutFence(text: string): string {
  const clean = text.replaceAll('\0', '').trim();
  return /^```(?:markdown|md|json)?\n([\s\S]*?)\n```$/.exec(clean)?.[1]?.trim() ?? clean;
}

/** A continuation usually begins in the middle of a sentence or word; one that repeats the end is not doubled. */
function joined(draft: string, continuation: string): string {
  const overlap = continuation.trimStart().slice(0, 40);
  const repeated = overlap.length > 20 ? draft.lastIndexOf(overlap) : -1;
  const kept = repeated > draft.length - 400 && repeated >= 0 ? draft.slice(0, repeated) : draft;
  return kept + (repeated >= 0 ? continuation.trimStart() : continuation);
}
