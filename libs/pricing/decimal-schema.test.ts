import t from 'tap';
import { amountSchema, decimalSchema } from './decimal-schema.ts';

t.test('decimals are scaled exactly, as text or as a whole number', async (t) => {
  const schema = decimalSchema(6, 'a decimal');
  t.equal(schema.parse('0.075'), 75_000n);
  t.equal(schema.parse('-2'), -2_000_000n);
  t.equal(schema.parse(3), 3_000_000n);
});

t.test('a number that may already be rounded is refused', async (t) => {
  const schema = amountSchema(6, 'USD');
  for (const value of [0.1, 1e21, Number.NaN, '1e3', '0.0000001', '', true, null, -1, '-0.5']) {
    t.notOk(schema.safeParse(value).success, String(value));
  }
});
