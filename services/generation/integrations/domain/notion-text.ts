/** The rich text of Notion: https://developers.notion.com/reference/rich-text */
import type { Token, Tokens } from 'marked';

export type Annotations = { bold?: true; italic?: true; strikethrough?: true; code?: true };
export type RichText = {
  type: 'text';
  text: { content: string; link?: { url: string } };
  annotations?: Annotations;
};

/** Characters of one piece of text, and of an address: https://developers.notion.com/reference/request-limits */
export const MAX_TEXT = 2_000;
const MAX_URL = 2_000;

type Style = { annotations: Annotations; url?: string };
const PLAIN: Style = { annotations: {} };

/** A piece of text in one style, of any length. */
type Span = { text: string; style: Style };

/** Text as pieces that Notion accepts. */
export function richTextOf(tokens: readonly Token[]): RichText[] {
  return joined(spansOf(tokens, PLAIN)).flatMap(({ text, style }) =>
    piecesOf(text).map((content) => toRichText(content, style)),
  );
}

export function plainRichText(text: string): RichText[] {
  return piecesOf(text).map((content) => toRichText(content, PLAIN));
}

/** An address that Notion takes for a link or an image; undefined for any other. */
export function addressOf(href: string, schemes: RegExp = /^(?:https?|mailto):$/): string | undefined {
  const url = URL.parse(href);
  return url !== null && schemes.test(url.protocol) && url.href.length <= MAX_URL ? url.href : undefined;
}

function spansOf(tokens: readonly Token[], style: Style): Span[] {
  return tokens.flatMap((token) => spansOfToken(token, style));
}

function spansOfToken(token: Token, style: Style): Span[] {
  switch (token.type) {
    case 'strong':
      return spansOf((token as Tokens.Strong).tokens, annotated(style, { bold: true }));
    case 'em':
      return spansOf((token as Tokens.Em).tokens, annotated(style, { italic: true }));
    case 'del':
      return spansOf((token as Tokens.Del).tokens, annotated(style, { strikethrough: true }));
    case 'codespan':
      return [{ text: (token as Tokens.Codespan).text, style: annotated(style, { code: true }) }];
    case 'link': {
      const { href, tokens } = token as Tokens.Link;
      const url = addressOf(href);
      return spansOf(tokens, url === undefined ? style : { ...style, url });
    }
    case 'br':
      return [{ text: '\n', style }];
    // Images are blocks of their own, and a box says that an item is a task.
    case 'image':
    case 'checkbox':
      return [];
    default: {
      const { tokens, text, raw } = token as Tokens.Text;
      return tokens ? spansOf(tokens, style) : [{ text: decoded(text ?? raw), style }];
    }
  }
}

const annotated = (style: Style, more: Annotations): Style => ({
  ...style,
  annotations: { ...style.annotations, ...more },
});

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  amp: '&',
};

/** Markdown leaves the entities of HTML to the browser. */
function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|([a-z]{2,5}));/g, (entity, code?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? entity;
    const point = Number(code);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : entity;
  });
}

/** Neighbours in the same style are one span, so that there are few. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans) {
    const last = result.at(-1);
    if (last !== undefined && isSameStyle(last.style, span.style)) last.text += span.text;
    else result.push({ ...span });
  }
  return result.filter(({ text }) => text !== '');
}

const isSameStyle = (one: Style, other: Style) =>
  one.url === other.url && JSON.stringify(one.annotations) === JSON.stringify(other.annotations);

/** Cuts a text at spaces where possible, and never inside a character. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > MAX_TEXT) {
    const space = rest.lastIndexOf(' ', MAX_TEXT - 1);
    let end = space > 0 ? space + 1 : MAX_TEXT;
    if (/[\ud800-\udbff]/.test(rest.charAt(end - 1))) end -= 1;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return rest === '' ? pieces : [...pieces, rest];
}

function toRichText(content: string, { annotations, url }: Style): RichText {
  return {
    type: 'text',
    text: { content, ...(url !== undefined && { link: { url } }) },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}
