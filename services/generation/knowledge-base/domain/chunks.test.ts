import t from 'tap';
import { chunksOf } from './chunks.ts';

t.test('passages follow paragraphs and headings', async (t) => {
  t.strictSame(chunksOf('Intro.\n\n# One\nFirst.\n\nSecond.\n## Two\n\nThird.\r\n\r\nFourth.'), [
    { heading: null, text: 'Intro.' },
    { heading: 'One', text: 'First.\n\nSecond.' },
    { heading: 'Two', text: 'Third.\n\nFourth.' },
  ]);
  t.strictSame(chunksOf('One\n\f\n\fThree'), [
    { heading: 'page 1', text: 'One' },
    { heading: 'page 3', text: 'Three' },
  ]);
  t.strictSame(chunksOf(' \n\n '), []);
});

t.test('no passage is longer than 1,200 characters, and no text is lost', async (t) => {
  for (const text of [
    'A sentence. '.repeat(500),
    '字'.repeat(5_000),
    '🖋'.repeat(2_000),
    `${'word '.repeat(900)}\n\nend`,
  ]) {
    const chunks = chunksOf(text);
    for (const chunk of chunks) {
      t.ok(chunk.text.length <= 1_200);
      t.ok(chunk.text.isWellFormed());
    }
    const letters = (value: string) => value.replace(/\s/g, '');
    t.equal(letters(chunks.map((chunk) => chunk.text).join('')), letters(text));
  }
});
