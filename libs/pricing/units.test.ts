import t from 'tap';
import { addUnits, promptTokens, reportedUnits, totalTokens } from './units.ts';

t.test('tokens are summed over their disjoint classes', async (t) => {
  const units = { input: 10, cache_read: 20, cache_write: 30, output: 5, reasoning: 7, image: 2 };
  t.equal(promptTokens(units), 60);
  t.equal(totalTokens(units), 72);
  t.equal(totalTokens({}), 0);
});

t.test('a class that neither side reports stays unknown', async (t) => {
  t.same(addUnits({ input: 1, output: undefined }, { input: 2, image: 1 }), { input: 3, image: 1 });
  t.same(addUnits({ output: 0 }, {}), { output: 0 }, 'a reported zero is a fact');
});

t.test('counts are whole and non-negative', async (t) => {
  t.same(reportedUnits({ input: 3, output: undefined }), [['input', 3n]]);
  for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    t.throws(() => reportedUnits({ input: count }), RangeError, String(count));
  }
});
