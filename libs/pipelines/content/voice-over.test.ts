/** Voice-overs: scripts in pieces that providers take. */
import fc from 'fast-check';
import t from 'tap';
import { model, planOf, price } from './content.fixture.ts';
import { piecesOf } from './voice-over.ts';

t.test('a voice-over is spoken in pieces, each of which a provider takes', (t) => {
  const speech = {
    model: { ...model, model: 'tts-1', kind: 'speech' as const },
    price: { ...price, model: 'tts-1' },
    fallbacks: [{ model: { ...model, model: 'tts-1-hd', kind: 'speech' as const }, price }],
  };
  const spoken = (length: number | string) =>
    planOf(
      { topic: 'rivers', content_types: ['audio'], voice_over: 'coral', length },
      { mediaModels: { speech } },
    ).calls.filter(({ step }) => step.startsWith('voice_over'));
  t.match(spoken('short'), [{ step: 'voice_over.speak', after: ['audio.write'] }]);
  const long = spoken(1_200);
  t.strictSame(
    long.map(({ step, after }) => [step, after]),
    [
      ['voice_over.speak.1', ['audio.write']],
      ['voice_over.speak.2', ['audio.write']],
      ['voice_over.speak.3', ['audio.write']],
      ['voice_over.speak', ['audio.write', 'voice_over.speak.1', 'voice_over.speak.2', 'voice_over.speak.3']],
    ],
  );
  for (const { otherUnits, index, fallbacks } of long) {
    t.ok((otherUnits.character ?? 0) <= 4_096);
    t.match(fallbacks, [{ model: 'tts-1-hd', index, otherUnits }], 'a fallback has the place of its call');
  }

  fc.assert(
    fc.property(
      fc.string({ maxLength: 400, unit: fc.constantFrom('a', 'é', ' ', '. ', '。', '\n', '𝔸') }),
      fc.integer({ min: 1, max: 20 }),
      (text, count) => {
        const pieces = piecesOf(text, count);
        const letters = (one: string) => one.replace(/\s/g, '');
        const bound = Math.ceil(text.length / count) + 2 * 240;
        return (
          pieces.length === count &&
          letters(pieces.join('')) === letters(text) &&
          pieces.every((piece) => piece.length <= bound)
        );
      },
    ),
  );
  const text = 'The river rises in the hills. '.repeat(300);
  const pieces = piecesOf(text, 3);
  t.ok(
    pieces.every((piece) => piece.startsWith('The') && piece.endsWith('.')),
    'cut between sentences',
  );
  const chinese = piecesOf('河水流动。'.repeat(2_000), 3);
  t.ok(
    chinese.every((piece) => piece.endsWith('。')),
    'also where no space follows',
  );
  t.end();
});
