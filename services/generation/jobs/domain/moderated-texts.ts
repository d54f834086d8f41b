import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import type { ArticleOutline, GenerateRequest } from '#libs/contracts/generate.ts';

/** What content is written from or by: what the client sent, and the texts of the account or the web that it names. */
export function textsOfRequest(
  { topic, text, tone, audience, keywords = [], call_to_action: callToAction }: GenerateRequest,
  { source, prompt, voice, rewrite }: ContentInputs,
): string[] {
  const texts = [
    ...[topic, text, tone, audience, callToAction, ...keywords],
    ...[prompt?.text, voice?.instructions, rewrite?.instructions],
    ...[source?.title, source?.text],
  ];
  return texts.filter((one) => typeof one === 'string' && one !== '') as string[];
}

export function textsOfPassages({ passages = [] }: ContentInputs): string[] {
  return passages.map(({ title, text }) => `${title}\n${text}`);
}

/** @param categories for each passage, what it is flagged for; none if it may be used. */
export function withoutFlaggedPassages(
  inputs: ContentInputs,
  categories: readonly (readonly string[])[],
): ContentInputs {
  const { passages = [] } = inputs;
  const flagsOf = (index: number) => categories[index] ?? [];
  const refused = passages.flatMap(({ title }, index) =>
    flagsOf(index).length === 0 ? [] : [{ title, categories: [...flagsOf(index)] }],
  );
  if (refused.length === 0) return inputs;
  return {
    ...inputs,
    passages: passages.filter((_, index) => flagsOf(index).length === 0),
    refused_passages: refused,
  };
}

/** What the first step of a job warns of. */
export function passageWarnings({ refused_passages: refused = [] }: ContentInputs): string[] {
  return refused.map(
    ({ title, categories }) =>
      `A passage of the knowledge base was left out (${title}): it is flagged for ${categories.join(', ')}.`,
  );
}

export function textsOfOutline({ title, sections }: ArticleOutline): string[] {
  return [title, ...sections.flatMap(({ heading, points }) => [heading, ...points])];
}
