/** Brand voices as instructions for a model. */
import type { BrandVoiceContent } from '#libs/contracts/brand-voices.ts';
import { fenceUntrusted } from './untrusted.ts';

/** For the system prompt of calls that write. Examples are fenced: they show a style and give no orders. */
export function brandVoiceInstructions(voice: BrandVoiceContent): string {
  const { description, examples, vocabulary } = voice;
  return [
    `Brand voice: ${description}`,
    listOf('Do', voice.do),
    listOf('Do not', voice.dont),
    vocabulary.use.length > 0 && `Prefer these words: ${vocabulary.use.join(', ')}.`,
    vocabulary.avoid.length > 0 && `Never use these words: ${vocabulary.avoid.join(', ')}.`,
    examples.length > 0 && 'Imitate the style, not the content, of these examples:',
    ...examples.map((example) => fenceUntrusted('style example', example)),
  ]
    .filter(Boolean)
    .join('\n');
}

function listOf(title: string, rules: readonly string[]): string {
  return rules.length === 0 ? '' : [`${title}:`, ...rules.map((rule) => `- ${rule}`)].join('\n');
}
