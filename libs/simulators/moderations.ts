import { type Answer, type Dialect, Refusal } from './dialect.ts';
import { imageCall } from './images.ts';
import { isObject, objectOr, optionalText, textOr } from './json.ts';
import { openAiDialect } from './openai.ts';

/** Words that the simulator flags, by category. */
const CATEGORIES: Readonly<Record<string, RegExp>> = {
  harassment: /\b(?:idiot|moron)\b/i,
  hate: /\bvermin\b/i,
  'self-harm': /\bhurt myself\b/i,
  sexual: /\bexplicit\b/i,
  violence: /\b(?:kill|stab|bomb)\b/i,
};
const HIGH_SCORE = 0.97;
const LOW_SCORE = 0.0001;

/** Moderations as OpenAI writes them, by a list of words. @see https://platform.openai.com/docs/api-reference/moderations */
export const moderationsDialect: Dialect = {
  ...openAiDialect('openai'),
  idPrefix: 'modr-',
  read(body) {
    const request = objectOr(body);
    const texts = readInput(request.input);
    const model = optionalText(request.model) ?? 'omni-moderation-latest';
    const call = imageCall({ model, user: texts.at(-1) ?? '', images: 0, endUser: undefined });
    return { ...call, prompt: { ...call.prompt, parts: texts } };
  },
  writeAnswer: ({ id, model, call }: Answer) =>
    JSON.stringify({ id, model, results: call.prompt.parts.map(classify) }),
  writeFrames: () => [],
};

/** A list of parts is one input. */
function readInput(input: unknown): string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input) || input.length === 0) {
    throw new Refusal(400, "Missing required parameter: 'input'.", { param: 'input' });
  }
  if (isObject(input[0])) return [input.map((part) => textOr(objectOr(part).text)).join('\n')];
  return input.map((text) => textOr(text));
}

function classify(text: string) {
  const found = Object.entries(CATEGORIES).map(([name, words]) => [name, words.test(text)] as const);
  return {
    flagged: found.some(([, isFlagged]) => isFlagged),
    categories: Object.fromEntries(found),
    category_scores: Object.fromEntries(
      found.map(([name, isFlagged]) => [name, isFlagged ? HIGH_SCORE : LOW_SCORE]),
    ),
  };
}
