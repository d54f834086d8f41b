import t from 'tap';
import { children } from '#libs/simulators/notion-blocks.ts';
import { type Block, notionBlocks, requestsOf } from './notion-blocks.ts';

const text = (content: string, more: object = {}) => ({ type: 'text', text: { content, ...more } });

/** The blocks of a text, which Notion accepts. */
function blocksOf(markdown: string, title = ''): Block[] {
  const requests = requestsOf(notionBlocks(markdown, title));
  for (const request of requests) {
    const { error } = children.safeParse({ children: request });
    t.equal(error, undefined, 'Notion accepts the request');
  }
  return requests.flat();
}

t.test('given Markdown, then it becomes blocks', async (t) => {
  const cases: [markdown: string, blocks: object[]][] = [
    ['# A', [{ type: 'heading_1', heading_1: { rich_text: [text('A')] } }]],
    ['##### A', [{ type: 'heading_3', heading_3: { rich_text: [text('A')] } }]],
    [
      'a **b _c_** `d` ~~e~~',
      [
        {
          type: 'paragraph',
          paragraph: {
            rich_text: [
              text('a '),
              { ...text('b '), annotations: { bold: true } },
              { ...text('c'), annotations: { bold: true, italic: true } },
              text(' '),
              { ...text('d'), annotations: { code: true } },
              text(' '),
              { ...text('e'), annotations: { strikethrough: true } },
            ],
          },
        },
      ],
    ],
    [
      '[a](https://x.example/?q=1) [b](javascript:alert(1)) [c](/relative)',
      [
        {
          type: 'paragraph',
          paragraph: {
            rich_text: [text('a', { link: { url: 'https://x.example/?q=1' } }), text(' b c')],
          },
        },
      ],
    ],
    ['M&amp;S &#8364; &lt;b&gt;', [{ type: 'paragraph', paragraph: { rich_text: [text('M&S € <b>')] } }]],
    [
      '- a\n  1. b\n     - c\n       - d\n',
      [
        {
          type: 'bulleted_list_item',
          bulleted_list_item: {
            rich_text: [text('a')],
            children: [
              {
                type: 'numbered_list_item',
                numbered_list_item: {
                  rich_text: [text('b')],
                  children: [
                    { type: 'bulleted_list_item', bulleted_list_item: { rich_text: [text('c')] } },
                    { type: 'bulleted_list_item', bulleted_list_item: { rich_text: [text('d')] } },
                  ],
                },
              },
            ],
          },
        },
      ],
    ],
    [
      '- [x] a\n- [ ] b',
      [
        { type: 'to_do', to_do: { rich_text: [text('a')], checked: true } },
        { type: 'to_do', to_do: { rich_text: [text('b')], checked: false } },
      ],
    ],
    [
      '> a\n>\n> b',
      [
        {
          type: 'quote',
          quote: {
            rich_text: [text('a')],
            children: [{ type: 'paragraph', paragraph: { rich_text: [text('b')] } }],
          },
        },
      ],
    ],
    ['```ts\nx\n```', [{ type: 'code', code: { rich_text: [text('x')], language: 'typescript' } }]],
    ['```nonsense\nx\n```', [{ type: 'code', code: { rich_text: [text('x')], language: 'plain text' } }]],
    [
      '![A pen](https://x.example/a.png) and ![b](data:image/png;base64,AA)',
      [
        { type: 'paragraph', paragraph: { rich_text: [text(' and ')] } },
        {
          type: 'image',
          image: {
            type: 'external',
            external: { url: 'https://x.example/a.png' },
            caption: [text('A pen')],
          },
        },
        { type: 'paragraph', paragraph: { rich_text: [text('b')] } },
      ],
    ],
    ['---', [{ type: 'divider', divider: {} }]],
    ['<script>x</script>', [{ type: 'paragraph', paragraph: { rich_text: [text('<script>x</script>')] } }]],
    [
      '| a | b |\n| - | - |\n| **1** |',
      [
        {
          type: 'table',
          table: {
            table_width: 2,
            has_column_header: true,
            has_row_header: false,
            children: [
              { type: 'table_row', table_row: { cells: [[text('a')], [text('b')]] } },
              {
                type: 'table_row',
                table_row: { cells: [[{ ...text('1'), annotations: { bold: true } }], []] },
              },
            ],
          },
        },
      ],
    ],
  ];
  for (const [markdown, blocks] of cases) t.strictSame(blocksOf(markdown), blocks, markdown);
  const uploads = new Map([['/api/media/1', '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e']]);
  const uploaded = notionBlocks('![a](/api/media/1) ![b](/api/media/2)', '', uploads);
  t.match(uploaded, [
    { type: 'paragraph' },
    { type: 'image', image: { type: 'file_upload', file_upload: { id: uploads.get('/api/media/1') } } },
    { type: 'paragraph' },
  ]);
  t.equal(children.safeParse({ children: uploaded }).error, undefined);
  t.strictSame(blocksOf('# Title\n\na', 'Title'), blocksOf('a'), 'the page has the title already');
});

t.test('given more than one request takes, then it is cut, and nothing is lost', async (t) => {
  const contentOf = (blocks: readonly Block[]) =>
    JSON.stringify(blocks)
      .match(/"content":"((?:[^"\\]|\\.)*)"/g)
      ?.map((one) => JSON.parse(`{${one}}`).content);
  const words = 'Fountain pens 🖋 write. '.repeat(600);
  const long = blocksOf(words);
  t.ok(contentOf(long)?.join('').trim() === words.trim(), 'of a long paragraph');
  t.ok(contentOf(blocksOf('🖋'.repeat(3_000)))?.every((piece) => piece.isWellFormed()));

  const styled = Array.from({ length: 250 }, (_, index) => `**${index}** x`).join(' ');
  t.equal(blocksOf(styled).length, 5, 'of many pieces in a paragraph');
  t.equal(blocksOf(Array.from({ length: 250 }, (_, index) => `p${index}`).join('\n\n')).length, 250);
  const list = Array.from({ length: 15 }, (_, a) =>
    [`- ${a}`, ...Array.from({ length: 90 }, (_, b) => `  - ${a}.${b}`)].join('\n'),
  ).join('\n');
  t.ok(requestsOf(notionBlocks(list, '')).length > 1, 'of 1,365 nested blocks');
  blocksOf(list);
  const deep = Array.from({ length: 120 }, (_, a) =>
    [`  - ${a}`, ...Array.from({ length: 20 }, (_, b) => `    - ${a}.${b}`)].join('\n'),
  ).join('\n');
  blocksOf(`- top\n${deep}`);
  const rows = Array.from({ length: 250 }, (_, index) => `| ${index} | x |`).join('\n');
  t.equal(blocksOf(`| a | b |\n| - | - |\n${rows}`).length, 3, 'of a long table');
  blocksOf('- a\n  - b\n    - | a | b |\n      | - | - |\n      | 1 | 2 |\n');
  t.strictSame(blocksOf(''), []);
});
