import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import type { ArticleOutline, GenerateRequest } from '#libs/contracts/generate.ts';

/** Everything that content is written from or by: what the client sent, and the texts of the account or the web that it names. */
export function textsOfRequest(
  { topic, text, tone, audience, keywords = [], call_to_action: callToAction }: GenerateRequest,
  { source, prompt, voice, passages = [], rewrite }: ContentInputs,
): string[] {
  const texts = [
    ...[topic, text, tone, audience, callToAction, ...keywords],
    ...[prompt?.text, voice?.instructions, rewrite?.instructions],
    ...[source?.title, source?.text],
    ...passages.flatMap((passage) => [passage.title, passage.text]),
  ];
  return texts.filter((one) => typeof one === 'string' && one !== '') as string[];
}

export function textsOfOutline({ title, sections }: ArticleOutline): string[] {
  return [title, ...sections.flatMap(({ heading, points }) => [heading, ...points])];
}
