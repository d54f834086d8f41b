import t from 'tap';
import { largerUsage, readCount } from './token-count.ts';

t.test('a count is a plausible, non-negative figure', async (t) => {
  const rows = [
    [12, 12],
    [0, 0],
    [-3, 0],
    [1.2, 2],
    [3e9, 3_000_000_000],
    [1e11, undefined],
    [Number.NaN, undefined],
    ['12', undefined],
    [null, undefined],
  ] as const;
  for (const [value, expected] of rows) t.equal(readCount(value), expected, String(value));
});

const text = (tokenCount: number) => ({ modality: 'TEXT', tokenCount });
const audio = (tokenCount: number) => ({ modality: 'AUDIO', tokenCount });

t.test('of two reports of one call, the larger figures count', async (t) => {
  const rows: [unknown, unknown, unknown][] = [
    [{ a: 12, b: 200 }, { a: 12 }, { a: 12, b: 200 }],
    [{ a: 25 }, { a: 0, b: 15 }, { a: 25, b: 15 }],
    [
      { a: 1, details: { cached: 7 } },
      { a: 2, details: { other: 1 } },
      { a: 2, details: { cached: 7, other: 1 } },
    ],
    [{ details: { cached: 7 } }, { details: null }, { details: { cached: 7 } }],
    [
      { details: [text(25), audio(32)] },
      { details: [audio(40), text(20)] },
      { details: [text(25), audio(40)] },
    ],
    [{ details: [text(25)] }, { details: [audio(32)] }, { details: [text(25), audio(32)] }],
    [{ details: [text(25), audio(32)] }, { details: [] }, { details: [text(25), audio(32)] }],
    [{ list: [1, 2] }, { list: [3] }, { list: [3] }],
    [undefined, { a: 1 }, { a: 1 }],
    [{ a: 1 }, undefined, { a: 1 }],
  ];
  for (const [earlier, later, expected] of rows) t.strictSame(largerUsage(earlier, later), expected);
});
