/** Measures and cuts of texts that pipelines share. */

/** Words of a text, also in languages without spaces. */
export function wordsIn(text: string): string[] {
  return Array.from(segmenter.segment(text))
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment);
}

export function countWords(text: string): number {
  return wordsIn(text).length;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Characters as readers count them: an emoji with its modifiers is one. */
export function countCharacters(text: string): number {
  return [...graphemes.segment(text)].length;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The end of a sentence in the scripts we know, with closing quotes and brackets. Some scripts have no space after it. */
const SENTENCE_END = /[.!?…।؟]["'’”»)\]]*(?=\s|$)|[。！？]["'’”»)\]」』]*/gu;

/** The positions after the sentences of a text. */
export function sentenceEnds(text: string): number[] {
  return [...text.matchAll(SENTENCE_END)].map(({ index, 0: mark }) => index + mark.length);
}

/** The start of a text that has at most `max` characters by `measure`: whole sentences if they keep half of it, else words. */
export function shortenTo(text: string, max: number, measure = countCharacters): string {
  if (measure(text) <= max) return text;
  let sentences = '';
  for (const end of sentenceEnds(text)) {
    const candidate = text.slice(0, end);
    if (measure(candidate) > max) break;
    sentences = candidate;
  }
  if (measure(sentences) * 2 >= max) return sentences;
  let words = '';
  for (const part of text.split(/(?<=\s)/)) {
    if (measure(`${words}${part}`.trimEnd()) + 1 > max) break;
    words += part;
  }
  return words === '' ? cutCharacters(text, max) : `${words.trimEnd().replace(/[,;:–—-]+$/, '')}…`;
}

function cutCharacters(text: string, max: number): string {
  return [...graphemes.segment(text)]
    .slice(0, max)
    .map(({ segment }) => segment)
    .join('');
}

/** Drops what follows the last complete paragraph or sentence, for an answer that was cut. */
export function dropPartialEnd(markdown: string): string {
  const text = markdown.trimEnd();
  const complete = text.slice(0, sentenceEnds(text).at(-1) ?? 0);
  // a heading without a text below it is no end
  return complete.replace(/\n+#{1,6} [^\n]*$/, '').trimEnd();
}

const HEADING = /^#{1,6}\s+/;

/** The first heading of the first level, and the text without it. */
export function splitTitle(markdown: string): { title: string | null; body: string } {
  const text = markdown.trim();
  const match = /^#\s+([^\n]+)\n*/.exec(text);
  if (match === null) return { title: null, body: text };
  return { title: plainText(match[1] as string), body: text.slice(match[0].length).trim() };
}

/** The text with each heading one level lower. Headings in fenced code are text. */
export function demoteHeadings(markdown: string): string {
  let isCode = false;
  return markdown
    .split('\n')
    .map((line) => {
      if (/^\s*(```|~~~)/.test(line)) isCode = !isCode;
      return isCode ? line : line.replace(/^#{1,5}(?=\s)/, '$&#');
    })
    .join('\n');
}

export function countHeadings(markdown: string): number {
  return markdown.match(/^##\s+\S/gm)?.length ?? 0;
}

/** Markdown without its marks, in one line. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?```/g, ' ')
    .split('\n')
    .map((line) => line.replace(HEADING, '').replace(/^\s*(?:[-*+]|\d+\.)\s+/, ''))
    .join(' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/(\*\*|__|\*|_|`)(?=\S)([^*_`]+)\1/g, '$2')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A path segment for a title, in any script. */
export function slugOf(title: string): string {
  const slug = title
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[łŁ]/g, 'l')
    .replace(/ß/g, 'ss')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  const cut = slug.slice(0, 80);
  return (slug.length > 80 ? cut.replace(/-[^-]*$/, '') : cut) || 'article';
}

/** Frequent words of a text that are long enough to carry meaning. */
export function frequentTerms(text: string, most: number): string[] {
  const counts = new Map<string, number>();
  for (const word of wordsIn(plainText(text).toLowerCase())) {
    if (word.length < 5 && /^\p{ASCII}*$/u.test(word)) continue;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .sort(([, one], [, other]) => other - one)
    .slice(0, most)
    .map(([word]) => word);
}
