import t from 'tap';
import { detectLanguage } from './language.ts';

t.test('texts show their language', async (t) => {
  for (const [language, text] of [
    ['en', 'The ink of this pen is darker than that of the other.'],
    ['de', 'Die Tinte ist nicht so dunkel wie auf dem Bild und sie trocknet schnell.'],
    ['fr', 'Les encres pour stylo ne sont pas dans cette boîte.'],
    ['es', 'Las tintas para la pluma son más oscuras que las del otro.'],
    ['pl', 'Atrament nie jest tak ciemny jak na zdjęciu, ale się nie rozmazuje.'],
    ['fi', 'Muste ei ole niin tumma kuin kuvassa, mutta se kuivuu nopeasti ja on edullinen.'],
    ['ja', '万年筆のインクは水で薄めることができます。'],
    ['zh', '钢笔墨水可以用水稀释。'],
    ['ru', 'Чернила для ручки темнее, чем на фотографии.'],
    ['uk', 'Чорнило для ручки темніше, ніж на світлині.'],
  ] as const) {
    t.equal(detectLanguage(text), language, text);
  }
});

t.test('without words that identify a language, it is unknown', async (t) => {
  for (const text of ['', '42', 'Inkmeter', 'Nib Feed Converter']) t.equal(detectLanguage(text), null, text);
});
