import fc from 'fast-check';
import t from 'tap';
import { byteBound, cutToByteBound } from './byte-bound.ts';

t.test('the bound of a text is the longer of its bytes and the bytes of its NFKC form', async (t) => {
  t.equal(byteBound('plain'), 5);
  t.equal(byteBound('Grüße'), 7);
  t.equal(byteBound('\ufdfa'.repeat(1_000)), 33_000, 'a ligature expands to a phrase');
  t.equal(byteBound('ｆｕｌｌ'), 12, 'a text that shrinks counts as it is');
  const text = fc.string({ unit: 'grapheme', maxLength: 200 });
  fc.assert(
    fc.property(text, (value) => {
      const bound = byteBound(value);
      return bound >= Buffer.byteLength(value) && bound >= Buffer.byteLength(value.normalize('NFKC'));
    }),
  );
});

t.test('a text is cut between characters and words', async (t) => {
  t.equal(cutToByteBound('whole words only', 20), 'whole words only');
  t.equal(cutToByteBound('whole words only', 13), 'whole words');
  t.equal(cutToByteBound('Grüße', 4), 'Grü');
  t.equal(cutToByteBound('🙂🙂', 7), '🙂');
  t.equal(cutToByteBound('anything', 0), '');
});

t.test('a cut text is within its bound, also where NFKC expands it', async (t) => {
  const unit = fc.constantFrom('a', ' ', 'ü', 'ｆ', '½', '\ufdfa', '🙂');
  const property = fc.property(fc.string({ unit, maxLength: 100 }), fc.nat(400), (text, bound) => {
    const cut = cutToByteBound(text, bound);
    return text.startsWith(cut) && byteBound(cut) <= bound;
  });
  t.doesNotThrow(() => fc.assert(property));
});
