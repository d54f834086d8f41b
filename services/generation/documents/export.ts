/** Documents as files. */
import {
  Document,
  ExternalHyperlink,
  HeadingLevel,
  Packer,
  Paragraph,
  Table,
  TableCell,
  TableRow,
  TextRun,
} from 'docx';
import { Marked, type Token, type Tokens } from 'marked';
import type { ExportFormat } from '#libs/contracts/documents.ts';

export type ExportedFile = {
  readonly contentType: string;
  readonly extension: string;
  readonly body: Buffer;
};

export type ExportInput = {
  readonly title: string;
  readonly language: string | null;
  readonly markdown: string;
  /** The document as `GET /api/documents/{id}` shows it. */
  readonly json: object;
};

export async function exportAs(format: ExportFormat, input: ExportInput): Promise<ExportedFile> {
  switch (format) {
    case 'markdown':
      return file('text/markdown; charset=utf-8', 'md', `${input.markdown}\n`);
    case 'html':
      return file('text/html; charset=utf-8', 'html', toHtml(input));
    case 'json':
      return file('application/json; charset=utf-8', 'json', JSON.stringify(input.json, null, 2));
    case 'docx': {
      const body = await toDocx(input);
      return { contentType: DOCX_TYPE, extension: 'docx', body };
    }
  }
}

const DOCX_TYPE = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

function file(contentType: string, extension: string, text: string): ExportedFile {
  return { contentType, extension, body: Buffer.from(text) };
}

const SAFE_LINK = /^(?:https?:|mailto:)/i;

/** HTML in the text is shown as text, and links have only harmless schemes: a model or a source may have written both. */
const marked = new Marked({
  gfm: true,
  async: false,
  renderer: {
    html: ({ text }) => escapeHtml(text),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      return SAFE_LINK.test(href)
        ? `<a href="${escapeHtml(href)}" rel="noopener nofollow">${text}</a>`
        : text;
    },
    image: ({ href, text }) =>
      SAFE_LINK.test(href) ? `<img src="${escapeHtml(href)}" alt="${escapeHtml(text)}">` : escapeHtml(text),
  },
});

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function toHtml({ title, language, markdown }: ExportInput): string {
  const lang = /^[a-z]{2,3}$/.test(language ?? '') && language !== 'und' ? ` lang="${language}"` : '';
  const body = marked.parse(markdown) as string;
  return `<!doctype html>\n<html${lang}>\n<head>\n<meta charset="utf-8">\n<title>${escapeHtml(title)}</title>\n</head>\n<body>\n${body}</body>\n</html>\n`;
}

const HEADINGS = [
  HeadingLevel.HEADING_1,
  HeadingLevel.HEADING_2,
  HeadingLevel.HEADING_3,
  HeadingLevel.HEADING_4,
  HeadingLevel.HEADING_5,
  HeadingLevel.HEADING_6,
] as const;

async function toDocx({ title, markdown }: ExportInput): Promise<Buffer> {
  const children = marked.lexer(markdown).flatMap((token) => blocksOf(token));
  const numbering = {
    config: [
      {
        reference: NUMBERED,
        levels: [{ level: 0, format: 'decimal' as const, text: '%1.', alignment: 'start' as const }],
      },
    ],
  };
  return Packer.toBuffer(new Document({ title, numbering, sections: [{ children }] }));
}

const NUMBERED = 'numbered';

function blocksOf(token: Token): (Paragraph | Table)[] {
  switch (token.type) {
    case 'heading': {
      const { depth, tokens } = token as Tokens.Heading;
      const heading = HEADINGS[depth - 1] ?? HeadingLevel.HEADING_6;
      return [new Paragraph({ heading, children: runsOf(tokens) })];
    }
    case 'list':
      return (token as Tokens.List).items.flatMap((item) => listItem(item, (token as Tokens.List).ordered));
    case 'table':
      return [tableOf(token as Tokens.Table)];
    case 'blockquote':
      return (token as Tokens.Blockquote).tokens.flatMap(blocksOf);
    case 'code':
      return [
        new Paragraph({
          children: [new TextRun({ text: (token as Tokens.Code).text, font: 'Courier New' })],
        }),
      ];
    case 'space':
    case 'hr':
      return [];
    default: {
      const { tokens, raw } = token as Tokens.Paragraph;
      return [
        new Paragraph({
          children: tokens ? runsOf(tokens) : [new TextRun(raw.trim())],
          spacing: { after: 160 },
        }),
      ];
    }
  }
}

function listItem({ tokens }: Tokens.ListItem, isOrdered: boolean): (Paragraph | Table)[] {
  const marker = isOrdered ? { numbering: { reference: NUMBERED, level: 0 } } : { bullet: { level: 0 } };
  return tokens.flatMap((token) =>
    token.type === 'list'
      ? blocksOf(token)
      : [new Paragraph({ ...marker, children: runsOf('tokens' in token ? (token.tokens ?? []) : []) })],
  );
}

function tableOf({ header, rows }: Tokens.Table): Table {
  const rowOf = (cells: readonly Tokens.TableCell[]) =>
    new TableRow({
      children: cells.map(
        ({ tokens }) => new TableCell({ children: [new Paragraph({ children: runsOf(tokens) })] }),
      ),
    });
  return new Table({ rows: [header, ...rows].map(rowOf) });
}

type Style = { bold?: boolean; italics?: boolean };

function runsOf(tokens: readonly Token[], style: Style = {}): (TextRun | ExternalHyperlink)[] {
  return tokens.flatMap((token): (TextRun | ExternalHyperlink)[] => {
    if (token.type === 'strong') return runsOf((token as Tokens.Strong).tokens, { ...style, bold: true });
    if (token.type === 'em') return runsOf((token as Tokens.Em).tokens, { ...style, italics: true });
    if (token.type === 'br') return [new TextRun({ break: 1 })];
    if (token.type === 'link') {
      const { href, tokens: text } = token as Tokens.Link;
      const children = runsOf(text, style);
      return SAFE_LINK.test(href) ? [new ExternalHyperlink({ link: href, children })] : children;
    }
    if ('tokens' in token && token.tokens) return runsOf(token.tokens, style);
    return [new TextRun({ text: 'text' in token ? unescaped(String(token.text)) : token.raw, ...style })];
  });
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
