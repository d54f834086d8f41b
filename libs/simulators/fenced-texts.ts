/** The texts that the prompts of content pipelines fence, and what they are about. */
import { objectOr } from './json.ts';

const FENCE = /<untrusted id="[^"]*" label="([^"]*)">\n([\s\S]*?)\n<\/untrusted id=/g;

/** The fenced texts of a prompt by their label. */
export function fencedTexts(prompt: string): Map<string, string> {
  return new Map([...prompt.matchAll(FENCE)].map(([, label = '', text = '']) => [label, text]));
}

/** The subject of a prompt with fenced texts, in a few words; undefined for another prompt. */
export function fencedTopic(prompt: string): string | undefined {
  const texts = fencedTexts(prompt);
  const written =
    texts.get('article') ??
    texts.get('text') ??
    texts.get('message') ??
    texts.get('transcript') ??
    texts.get('notes 1');
  const planned = parsed(texts.get('outline') ?? texts.get('insights'));
  const text = texts.get('topic') ?? titleIn(written) ?? titleOf(planned);
  return text
    ?.replace(/\[\[simulate:[^\]]*\]\]/g, '')
    .trim()
    .split(/\s+/)
    .slice(0, 8)
    .join(' ');
}

function titleOf({ title }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof title === 'string' ? title : undefined;
}

function titleIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return (/^#+\s+(.+)$/m.exec(text)?.[1] ?? text.split(/[.\n]/, 1)[0])?.trim();
}

/** An object in JSON; empty if it is none. */
export function parsed(json: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return objectOr(JSON.parse(json ?? '{}'));
  } catch {
    return {};
  }
}
