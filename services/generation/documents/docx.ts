/** Markdown as a Word document: headings, nested lists, tables, quotations, code, links and images. */
import {
  AlignmentType,
  Document,
  ExternalHyperlink,
  HeadingLevel,
  ImageRun,
  type IParagraphOptions,
  LevelFormat,
  Packer,
  Paragraph,
  type ParagraphChild,
  Table,
  TableCell,
  TableRow,
  TextRun,
} from 'docx';
import { marked, type Token, type Tokens } from 'marked';
import type { Brand } from '#libs/contracts/branding.ts';
import type { EmbeddedImages } from './embedded-images.ts';
import { docxHeader } from './export-brand.ts';
import { isSafeLink } from './links.ts';

export type DocxInput = {
  readonly title: string;
  readonly markdown: string;
  readonly images: EmbeddedImages;
  readonly brand: Brand | null;
};

const HEADINGS = [
  HeadingLevel.HEADING_1,
  HeadingLevel.HEADING_2,
  HeadingLevel.HEADING_3,
  HeadingLevel.HEADING_4,
  HeadingLevel.HEADING_5,
  HeadingLevel.HEADING_6,
] as const;

const NUMBERED = 'numbered';
const MAX_LEVEL = 3;
/** Of a level of lists or quotations, in twentieths of a point. */
const INDENT = 720;
/** The width of a page between its margins, in pixels. */
const PAGE_WIDTH = 600;

type Block = Paragraph | Table;

type Writer = {
  readonly images: EmbeddedImages;
  /** Each numbered list begins at 1. */
  readonly nextList: () => number;
};

export async function toDocx({ title, markdown, images, brand }: DocxInput): Promise<Buffer> {
  let lists = 0;
  const writer: Writer = { images, nextList: () => ++lists };
  const children = marked.lexer(markdown).flatMap((token) => blocksOf(writer, token));
  const levels = Array.from({ length: MAX_LEVEL + 1 }, (_, level) => ({
    level,
    format: LevelFormat.DECIMAL,
    text: `%${level + 1}.`,
    alignment: AlignmentType.START,
    style: { paragraph: { indent: { left: INDENT * (level + 1), hanging: INDENT / 2 } } },
  }));
  const numbering = { config: [{ reference: NUMBERED, levels }] };
  const headers = brand === null ? {} : { headers: { default: await docxHeader(brand) } };
  return Packer.toBuffer(new Document({ title, numbering, sections: [{ ...headers, children }] }));
}

function blocksOf(writer: Writer, token: Token, style: IParagraphOptions = {}): Block[] {
  const paragraph = (children: ParagraphChild[], more: IParagraphOptions = {}) =>
    new Paragraph({ ...style, ...more, children });
  switch (token.type) {
    case 'heading': {
      const { depth, tokens } = token as Tokens.Heading;
      return [paragraph(runsOf(writer, tokens), { heading: HEADINGS[depth - 1] ?? HeadingLevel.HEADING_6 })];
    }
    case 'list':
      return listOf(writer, token as Tokens.List, 0);
    case 'table':
      return [tableOf(writer, token as Tokens.Table)];
    case 'blockquote':
      return (token as Tokens.Blockquote).tokens.flatMap((one) =>
        blocksOf(writer, one, { indent: { left: INDENT } }),
      );
    case 'code':
      return (token as Tokens.Code).text
        .split('\n')
        .map((text) => paragraph([new TextRun({ text, font: 'Courier New' })]));
    case 'space':
    case 'hr':
      return [];
    default: {
      const { tokens, raw } = token as Tokens.Paragraph;
      const runs = tokens ? runsOf(writer, tokens) : [new TextRun(raw.trim())];
      return [paragraph(runs, { spacing: { after: 160 } })];
    }
  }
}

function listOf(writer: Writer, { items, ordered }: Tokens.List, depth: number): Block[] {
  const level = Math.min(depth, MAX_LEVEL);
  const style: IParagraphOptions = ordered
    ? { numbering: { reference: NUMBERED, level, instance: writer.nextList() } }
    : { bullet: { level } };
  return items.flatMap(({ tokens }) =>
    tokens.flatMap((token) => {
      if (token.type === 'space') return [];
      if (token.type === 'list') return listOf(writer, token as Tokens.List, depth + 1);
      return [new Paragraph({ ...style, children: runsOf(writer, childrenOf(token)) })];
    }),
  );
}

function childrenOf(token: Token): readonly Token[] {
  return 'tokens' in token ? (token.tokens ?? []) : [];
}

function tableOf(writer: Writer, { header, rows }: Tokens.Table): Table {
  const rowOf = (cells: readonly Tokens.TableCell[]) =>
    new TableRow({
      children: cells.map(
        ({ tokens }) => new TableCell({ children: [new Paragraph({ children: runsOf(writer, tokens) })] }),
      ),
    });
  return new Table({ rows: [header, ...rows].map(rowOf) });
}

type Style = { bold?: boolean; italics?: boolean; strike?: boolean; font?: string };

const STYLES: Readonly<Record<string, Style>> = {
  strong: { bold: true },
  em: { italics: true },
  del: { strike: true },
};

function runsOf(writer: Writer, tokens: readonly Token[], style: Style = {}): ParagraphChild[] {
  return tokens.flatMap((token): ParagraphChild[] => {
    if (token.type === 'br') return [new TextRun({ break: 1 })];
    if (token.type === 'image') return imageOf(writer, token as Tokens.Image, style);
    if (token.type === 'link') {
      const { href, tokens: text } = token as Tokens.Link;
      const children = runsOf(writer, text, style);
      return isSafeLink(href) ? [new ExternalHyperlink({ link: href, children })] : children;
    }
    if ('tokens' in token && token.tokens)
      return runsOf(writer, token.tokens, { ...style, ...STYLES[token.type] });
    const text = 'text' in token ? unescaped(String(token.text)) : token.raw;
    return [new TextRun({ text, ...style, ...(token.type === 'codespan' && { font: 'Courier New' }) })];
  });
}

/** An image of the account; of any other, its text alternative, which links to it. */
function imageOf({ images }: Writer, { href, text }: Tokens.Image, style: Style): ParagraphChild[] {
  const image = images.get(href);
  if (image === undefined) {
    const alternative = new TextRun({ text: unescaped(text), ...style });
    return isSafeLink(href)
      ? [new ExternalHyperlink({ link: href, children: [alternative] })]
      : [alternative];
  }
  const scale = Math.min(1, PAGE_WIDTH / image.width);
  return [
    new ImageRun({
      type: image.format,
      data: image.bytes,
      transformation: { width: Math.round(image.width * scale), height: Math.round(image.height * scale) },
      altText: { name: text, title: text, description: text },
    }),
  ];
}

/** The lexer escapes the text of some tokens for HTML. */
function unescaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  };
  return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? entity);
}
