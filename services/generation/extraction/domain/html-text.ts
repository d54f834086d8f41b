/** The readable text of a web page, in one pass over it. */

export type PageText = { title: string | null; text: string };

/** Elements without text for readers. */
const SKIPPED = new Set(
  'script style noscript template iframe svg nav footer aside form button select head object'.split(' '),
);
const BLOCKS = new Set(
  'p div section article main header ul ol li table tr blockquote pre figure figcaption dl dt dd hr br address'.split(
    ' ',
  ),
);
const HEADING = /^h([1-6])$/;

/** The names of the characters from U+00A0 to U+00FF, in order. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro ' +
  'para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil ' +
  'Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave ' +
  'Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml ' +
  'igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute ' +
  'thorn yuml';

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ...LATIN_1.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", euro: '€', hellip: '…', bull: '•' }),
  ...Object.entries({ ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', bdquo: '„' }),
]);

/** Headings and items of lists become those of Markdown. Scripts, menus, forms and footers are left out. */
export function htmlText(html: string): PageText {
  const lower = html.toLowerCase();
  const parts: string[] = [];
  let position = 0;
  while (position < html.length) {
    const open = html.indexOf('<', position);
    parts.push(html.slice(position, open < 0 ? html.length : open).replace(/\s+/g, ' '));
    if (open < 0) break;
    position = endOfMarkup(lower, open, parts);
  }
  return { title: titleOf(html, lower), text: tidy(decodeEntities(parts.join(''))) };
}

/** @returns where the text continues after a tag, a comment, or an element that is skipped. */
function endOfMarkup(lower: string, open: number, parts: string[]): number {
  if (lower.startsWith('<!--', open)) return after(lower, '-->', open);
  const tag = /^<\/?([a-z][a-z0-9]*)/.exec(lower.slice(open, open + 40));
  if (tag === null) {
    if (lower[open + 1] === '!' || lower[open + 1] === '?') return after(lower, '>', open);
    parts.push('<');
    return open + 1;
  }
  const [start, name = ''] = tag;
  const isEnd = start.startsWith('</');
  if (!isEnd && SKIPPED.has(name)) return after(lower, '>', after(lower, `</${name}`, open) - 1);
  const heading = HEADING.exec(name)?.[1];
  if (heading !== undefined) parts.push(isEnd ? '\n\n' : `\n\n${'#'.repeat(Number(heading))} `);
  else if (name === 'li' && !isEnd) parts.push('\n- ');
  else if (name === 'td' || name === 'th') parts.push(' ');
  else if (BLOCKS.has(name)) parts.push(name === 'br' || name === 'tr' || name === 'li' ? '\n' : '\n\n');
  return after(lower, '>', open);
}

/** The position after the next occurrence; the end of the text if there is none. */
function after(text: string, wanted: string, from: number): number {
  const found = text.indexOf(wanted, from);
  return found < 0 ? text.length : found + wanted.length;
}

function titleOf(html: string, lower: string): string | null {
  const open = lower.indexOf('<title');
  if (open < 0) return null;
  const start = after(lower, '>', open);
  const end = lower.indexOf('</title', start);
  if (end < 0) return null;
  return decodeEntities(html.slice(start, end)).replace(/\s+/g, ' ').trim() || null;
}

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z][a-zA-Z0-9]{1,7}));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES.get(name) ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
        ? '\ufffd'
        : String.fromCodePoint(code);
    },
  );
}

function tidy(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/[^\S\n]+/g, ' ').trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
