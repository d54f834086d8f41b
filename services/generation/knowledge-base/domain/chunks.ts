/** Cuts texts into passages that fit into a prompt and can be cited. */

export type Chunk = {
  /** The nearest heading above it, or the page; null without one. */
  heading: string | null;
  text: string;
};

/** About 250 tokens: a few passages fit into a prompt, and each still has its context. */
const LONGEST_CHUNK = 1_200;
const LONGEST_HEADING = 200;
const HEADING = /^#{1,6} +(.+)$/;

/** Passages end with paragraphs; longer paragraphs are cut between sentences, else between words. */
export function chunksOf(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  const pages = text.split('\f');
  for (const [index, page] of pages.entries()) {
    let heading = pages.length > 1 ? `page ${index + 1}` : null;
    let current = '';
    const flush = () => {
      if (current.trim() !== '') chunks.push({ heading, text: current.trim() });
      current = '';
    };
    for (const paragraph of paragraphsOf(page)) {
      const title = HEADING.exec(paragraph)?.[1];
      if (title !== undefined) {
        flush();
        heading = title.trim().slice(0, LONGEST_HEADING);
        continue;
      }
      if (current.length + paragraph.length > LONGEST_CHUNK) flush();
      current += `${paragraph}\n\n`;
    }
    flush();
  }
  return chunks;
}

/** Paragraphs, and headings as paragraphs of their own, none longer than a passage. */
function paragraphsOf(page: string): string[] {
  return page
    .replaceAll('\r\n', '\n')
    .replace(/^(#{1,6} .*)$/gm, '\n$1\n')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '')
    .flatMap((paragraph) => (paragraph.length > LONGEST_CHUNK ? pieces(paragraph) : [paragraph]));
}

function pieces(paragraph: string): string[] {
  const cut: string[] = [];
  let rest = paragraph;
  while (rest.length > LONGEST_CHUNK) {
    const window = rest.slice(0, LONGEST_CHUNK);
    const sentence = Math.max(
      ...['. ', '! ', '? ', '.\n', '。', '！', '？'].map((end) => window.lastIndexOf(end) + 1),
    );
    const end = [sentence, window.lastIndexOf('\n'), window.lastIndexOf(' ')].find(
      (at) => at > LONGEST_CHUNK / 2,
    );
    // Not between the halves of a surrogate pair.
    const hard = /[\ud800-\udbff]$/.test(window) ? LONGEST_CHUNK - 1 : LONGEST_CHUNK;
    cut.push(rest.slice(0, end ?? hard).trim());
    rest = rest.slice(end ?? hard).trim();
  }
  return [...cut, rest];
}
