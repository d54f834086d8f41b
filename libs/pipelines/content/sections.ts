/** Sections of an article: what is under each heading of the second level. */

export type Section = { readonly text: string; readonly start: number; readonly end: number };

/** In their order. Headings in fenced code are text. */
export function sectionsOf(markdown: string): Section[] {
  const starts: number[] = [];
  let isCode = false;
  let at = 0;
  for (const line of markdown.split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) isCode = !isCode;
    else if (!isCode && /^##\s+\S/.test(line)) starts.push(at);
    at += line.length + 1;
  }
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? markdown.length;
    return { text: markdown.slice(start, end).trim(), start, end };
  });
}

/**
 * The text with another section.
 *
 * @param before the section as it was; it may have moved since.
 * @returns undefined if the text does not have that section any more.
 */
export function replaceSection(
  markdown: string,
  number: number,
  before: string,
  after: string,
): string | undefined {
  const sections = sectionsOf(markdown);
  const own = sections[number - 1];
  const found = own?.text === before ? own : sections.find(({ text }) => text === before);
  if (found === undefined) return undefined;
  const rest = markdown.slice(found.end);
  return `${markdown.slice(0, found.start)}${after.trim()}\n${rest === '' ? '' : `\n${rest}`}`;
}
