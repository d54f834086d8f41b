/** What Notion accepts in requests: https://developers.notion.com/reference/block and /request-limits. */
import { z } from 'zod';

const LANGUAGES =
  'abap|abc|agda|arduino|ascii art|assembly|bash|basic|bnf|c|c#|c++|clojure|coffeescript|coq|css|dart|dhall|diff|docker|ebnf|elixir|elm|erlang|f#|flow|fortran|gherkin|glsl|go|graphql|groovy|haskell|hcl|html|idris|java|javascript|json|julia|kotlin|latex|less|lisp|livescript|llvm ir|lua|makefile|markdown|markup|matlab|mathematica|mermaid|nix|notion formula|objective-c|ocaml|pascal|perl|php|plain text|powershell|prolog|protobuf|purescript|python|r|racket|reason|ruby|rust|sass|scala|scheme|scss|shell|smalltalk|solidity|sql|swift|toml|typescript|vb.net|verilog|vhdl|visual basic|webassembly|xml|yaml|java/c/c++/c#'.split(
    '|',
  );

const MAX_ITEMS = 100;
const MAX_BLOCKS = 1_000;
/** Levels of blocks in one request. */
const MAX_LEVELS = 3;

const address = (protocol: RegExp) => z.url({ protocol }).max(2_000);

const annotations = z.strictObject({
  bold: z.boolean().optional(),
  italic: z.boolean().optional(),
  strikethrough: z.boolean().optional(),
  underline: z.boolean().optional(),
  code: z.boolean().optional(),
  color: z.string().optional(),
});

const richText = z
  .array(
    z.strictObject({
      type: z.literal('text').optional(),
      text: z.strictObject({
        content: z.string().max(2_000),
        link: z
          .strictObject({ url: address(/^(?:https?|mailto)$/) })
          .nullable()
          .optional(),
      }),
      annotations: annotations.optional(),
    }),
  )
  .max(MAX_ITEMS);

export const title = z.strictObject({ title: richText });

const block = (type: string, content: z.ZodType) =>
  z.strictObject({
    object: z.literal('block').optional(),
    type: z.literal(type).optional(),
    [type]: content,
  });

const row = block('table_row', z.strictObject({ cells: z.array(richText).max(MAX_ITEMS) }));

const table = z
  .strictObject({
    table_width: z.int().min(1).max(MAX_ITEMS),
    has_column_header: z.boolean().optional(),
    has_row_header: z.boolean().optional(),
    children: z.array(row).min(1).max(MAX_ITEMS),
  })
  .refine(
    ({ table_width: width, children }) =>
      children.every(
        (child) => (child as { table_row: { cells: unknown[] } }).table_row.cells.length === width,
      ),
    'The number of cells in each row must match the table width',
  );

/** @param level of the blocks; the deepest have no children. */
function blocksAt(level: number): z.ZodType {
  const children = level === MAX_LEVELS ? {} : { children: blocksAt(level + 1).optional() };
  const text = { rich_text: richText, color: z.string().optional() };
  const kinds = [
    ...['paragraph', 'bulleted_list_item', 'numbered_list_item', 'quote'].map((type) =>
      block(type, z.strictObject({ ...text, ...children })),
    ),
    block('to_do', z.strictObject({ ...text, ...children, checked: z.boolean().optional() })),
    ...['heading_1', 'heading_2', 'heading_3'].map((type) =>
      block(type, z.strictObject({ ...text, is_toggleable: z.boolean().optional() })),
    ),
    block('code', z.strictObject({ rich_text: richText, language: z.enum(LANGUAGES as [string]) })),
    block('divider', z.strictObject({})),
    block(
      'image',
      z.union([
        z.strictObject({
          type: z.literal('external').optional(),
          external: z.strictObject({ url: address(/^https?$/) }),
          caption: richText.optional(),
        }),
        z.strictObject({
          type: z.literal('file_upload'),
          file_upload: z.strictObject({ id: z.uuid() }),
          caption: richText.optional(),
        }),
      ]),
    ),
    // Its rows are one level deeper.
    ...(level === MAX_LEVELS ? [] : [block('table', table)]),
  ];
  return z.array(z.union(kinds)).max(MAX_ITEMS);
}

export type NotionBlock = { type?: string } & Record<string, unknown>;

/** A body of `PATCH /v1/blocks/{id}/children`. */
export const children = z
  .strictObject({ children: blocksAt(1) })
  .refine(
    (body) => countOf(body.children as NotionBlock[]) <= MAX_BLOCKS,
    `body.children should have at most ${MAX_BLOCKS} blocks`,
  );

function countOf(blocks: readonly NotionBlock[]): number {
  return blocks.reduce((sum, one) => {
    const content = Object.values(one).find((value) => typeof value === 'object') as
      | { children?: NotionBlock[] }
      | undefined;
    return sum + 1 + countOf(content?.children ?? []);
  }, 0);
}
