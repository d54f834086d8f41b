/** Markdown as blocks of Notion: https://developers.notion.com/reference/block */
import { Marked, type Token, type Tokens } from 'marked';
import { notionLanguage } from './notion-languages.ts';
import { addressOf, plainRichText, type RichText, richTextOf } from './notion-text.ts';

/** One block: its `type`, and its content in a field of that name. */
export type Block = { type: string; [content: string]: unknown };

type TextContent = { rich_text: RichText[]; children?: Block[]; [more: string]: unknown };

/** https://developers.notion.com/reference/request-limits */
const MAX_ITEMS = 100;
const MAX_BLOCKS_PER_REQUEST = 1_000;
/** The limit is 500 KB, with some room for the rest of the request. */
const MAX_BYTES_PER_REQUEST = 450_000;
/** A block of a request may have children, and those may have children. */
const MAX_LEVEL = 3;
const MAX_TITLE = 300;

const marked = new Marked({ gfm: true });

/** Images that were uploaded to Notion: the id of the upload by the address in the text. */
export type Uploads = ReadonlyMap<string, string>;

/** Where blocks are written. */
type Place = {
  /** 1 for the blocks of a page; they have children up to {@link MAX_LEVEL}. */
  level: number;
  uploads: Uploads;
};

/** @param title The page has it already, so a first heading with the same text is left out. */
export function notionBlocks(markdown: string, title: string, uploads: Uploads = new Map()): Block[] {
  const tokens = marked.lexer(markdown).filter(({ type }) => type !== 'space');
  const [first] = tokens;
  const isTitle = first?.type === 'heading' && (first as Tokens.Heading).text.trim() === title.trim();
  return blocksOf(isTitle ? tokens.slice(1) : tokens, { level: 1, uploads });
}

export const notionTitle = (title: string): RichText[] => plainRichText(title.slice(0, MAX_TITLE));

/** Blocks in groups that one request may append. */
export function requestsOf(blocks: readonly Block[]): Block[][] {
  const requests: Block[][] = [];
  let [group, count, bytes]: [Block[], number, number] = [[], 0, 0];
  for (const block of blocks.flatMap(withinRequest)) {
    const size = sizeOf(block);
    const length = Buffer.byteLength(JSON.stringify(block));
    const isFull =
      group.length === MAX_ITEMS ||
      count + size > MAX_BLOCKS_PER_REQUEST ||
      bytes + length > MAX_BYTES_PER_REQUEST;
    if (isFull && group.length > 0) {
      requests.push(group);
      [group, count, bytes] = [[], 0, 0];
    }
    group.push(block);
    count += size;
    bytes += length;
  }
  return group.length > 0 ? [...requests, group] : requests;
}

/** A block with too many children for one request is followed by them instead. */
function withinRequest(block: Block): Block[] {
  if (sizeOf(block) <= MAX_BLOCKS_PER_REQUEST) return [block];
  const { children: _, ...content } = block[block.type] as TextContent;
  return [{ type: block.type, [block.type]: content }, ...childrenOf(block).flatMap(withinRequest)];
}

const childrenOf = (block: Block): Block[] =>
  (block[block.type] as { children?: Block[] } | undefined)?.children ?? [];

const sizeOf = (block: Block): number => childrenOf(block).reduce((sum, child) => sum + sizeOf(child), 1);

function blocksOf(tokens: readonly Token[], place: Place): Block[] {
  return tokens.flatMap((token) => blocksOfToken(token, place));
}

function blocksOfToken(token: Token, place: Place): Block[] {
  switch (token.type) {
    case 'heading': {
      const { depth, tokens } = token as Tokens.Heading;
      return [...textBlocks(`heading_${Math.min(depth, 3)}`, richTextOf(tokens)), ...imagesOf(tokens, place)];
    }
    case 'list':
      return (token as Tokens.List).items.flatMap((item) =>
        itemBlocks(item, (token as Tokens.List).ordered, place),
      );
    case 'blockquote':
      return nested('quote', (token as Tokens.Blockquote).tokens, place);
    case 'code': {
      const { text, lang = '' } = token as Tokens.Code;
      return textBlocks('code', plainRichText(text), { language: notionLanguage(lang) });
    }
    case 'table':
      return tableBlocks(token as Tokens.Table, place);
    case 'hr':
      return [{ type: 'divider', divider: {} }];
    case 'space':
    case 'def':
      return [];
    case 'html':
      return textBlocks('paragraph', plainRichText((token as Tokens.HTML).text.trim()));
    default: {
      const tokens = (token as Tokens.Paragraph).tokens ?? [token];
      return [...textBlocks('paragraph', richTextOf(tokens)), ...imagesOf(tokens, place)];
    }
  }
}

/** A block for each hundred pieces of text; those after the first are paragraphs, except of code. None without text. */
function textBlocks(type: string, text: readonly RichText[], more: object = {}): Block[] {
  const blocks: Block[] = [];
  for (let start = 0; start < text.length; start += MAX_ITEMS) {
    const kind = start === 0 || type === 'code' ? type : 'paragraph';
    const content = { rich_text: text.slice(start, start + MAX_ITEMS), ...(kind === type && more) };
    blocks.push({ type: kind, [kind]: content });
  }
  return blocks;
}

function itemBlocks({ tokens, task, checked }: Tokens.ListItem, isOrdered: boolean, place: Place): Block[] {
  if (task) return nested('to_do', tokens, place, { checked: checked === true });
  return nested(isOrdered ? 'numbered_list_item' : 'bulleted_list_item', tokens, place);
}

const TEXTS = ['paragraph', 'text'];

/** A block with the first text of its tokens, and the others as children, or after it where there may be none. */
function nested(type: string, tokens: readonly Token[], place: Place, more: object = {}): Block[] {
  const [first, ...others] = tokens.filter((token) => token.type !== 'space' && token.type !== 'checkbox');
  const hasText = first !== undefined && TEXTS.includes(first.type);
  const inline = hasText ? ((first as Tokens.Paragraph).tokens ?? [first]) : [];
  const rest = hasText || first === undefined ? others : [first, ...others];
  const [own = { type, [type]: { rich_text: [], ...more } }, ...overflow] = textBlocks(
    type,
    richTextOf(inline),
    more,
  );
  if (place.level === MAX_LEVEL)
    return [own, ...overflow, ...imagesOf(inline, place), ...blocksOf(rest, place)];
  const children = [
    ...overflow,
    ...imagesOf(inline, place),
    ...blocksOf(rest, { ...place, level: place.level + 1 }),
  ];
  const content = own[type] as TextContent;
  if (children.length > 0) content.children = children.slice(0, MAX_ITEMS);
  // Children beyond the hundredth follow their parent, one level higher than they were.
  return [own, ...children.slice(MAX_ITEMS)];
}

function imagesOf(tokens: readonly Token[], place: Place): Block[] {
  return tokens.flatMap((token): Block[] => {
    if (token.type !== 'image') return 'tokens' in token && token.tokens ? imagesOf(token.tokens, place) : [];
    const { href, text } = token as Tokens.Image;
    const source = imageSource(href, place.uploads);
    if (source === undefined) return textBlocks('paragraph', plainRichText(text));
    const caption = plainRichText(text).slice(0, MAX_ITEMS);
    return [{ type: 'image', image: { ...source, ...(caption.length > 0 && { caption }) } }];
  });
}

function imageSource(href: string, uploads: Uploads): object | undefined {
  const id = uploads.get(href);
  if (id !== undefined) return { type: 'file_upload', file_upload: { id } };
  const url = addressOf(href, /^https?:$/);
  return url === undefined ? undefined : { type: 'external', external: { url } };
}

/** A table of at most a hundred rows each, with the header in each; lines of text where there may be no table. */
function tableBlocks({ header, rows }: Tokens.Table, { level }: Place): Block[] {
  const cellsOf = (cells: readonly Tokens.TableCell[]) => cells.map(({ tokens }) => richTextOf(tokens));
  if (level === MAX_LEVEL || header.length > MAX_ITEMS) {
    return [header, ...rows].flatMap((cells) =>
      textBlocks('paragraph', plainRichText(cells.map(({ text }) => text).join(' | '))),
    );
  }
  const rowOf = (cells: readonly Tokens.TableCell[]): Block => ({
    type: 'table_row',
    table_row: { cells: cellsOf(cells).map((text) => text.slice(0, MAX_ITEMS)) },
  });
  const blocks: Block[] = [];
  for (let start = 0; start === 0 || start < rows.length; start += MAX_ITEMS - 1) {
    const children = [header, ...rows.slice(start, start + MAX_ITEMS - 1)].map(rowOf);
    const table = { table_width: header.length, has_column_header: true, has_row_header: false, children };
    blocks.push({ type: 'table', table });
  }
  return blocks;
}
