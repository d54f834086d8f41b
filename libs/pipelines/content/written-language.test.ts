/** Answers in another language than the one that was asked for. */
import t from 'tap';
import { checkAnswer } from './check.ts';
import { planOf, step } from './content.fixture.ts';
import { briefOf } from './pipeline.ts';
import { languageProblems, otherLanguageOf, requiredLanguage, textsIn } from './written-language.ts';

const TEXTS: Readonly<Record<string, string>> = {
  en: 'Most pens that skip are not broken. The ink has dried in the feed, and a night in water is enough to clean it. Rinse the nib until the water is clear, and let it dry before you fill it again with the ink that you like.',
  pl: 'Większość piór, które przerywają, nie jest zepsuta. Atrament zasechł w spływaku i wystarczy noc w wodzie, żeby go wyczyścić. Płucz stalówkę, aż woda będzie czysta, i nie napełniaj jej, dopóki nie wyschnie do końca, bo się rozwodni.',
  fi: 'Useimmat kynät, jotka pätkivät, eivät ole rikki. Muste on kuivunut syöttimeen, ja yksi yö vedessä riittää sen puhdistamiseen. Huuhtele kärkeä, kunnes vesi on kirkasta, ja anna sen kuivua, ennen kuin täytät sen uudelleen, sillä se on muuten liian laimeaa.',
  de: 'Die meisten Füller, die aussetzen, sind nicht defekt. Die Tinte ist im Tintenleiter getrocknet, und eine Nacht in Wasser reicht, um ihn zu reinigen. Spülen Sie die Feder, bis das Wasser klar ist, und füllen Sie sie erst dann mit einer neuen Patrone.',
  cs: 'Většina per, která vynechávají, není rozbitá. Inkoust zaschl v podavači a stačí jedna noc ve vodě, aby se vyčistil. Oplachujte hrot, dokud není voda čistá, a nechte ho uschnout, než ho znovu naplníte, protože jinak bude inkoust příliš řídký.',
  ja: '書けなくなった万年筆の多くは壊れているわけではありません。インクがペン芯で乾いているだけなので、一晩水に浸せばきれいになります。水が透明になるまでペン先をすすぎ、よく乾かしてから、お好みのインクを入れてください。',
  zh: '大多数断墨的钢笔并没有坏，只是墨水在笔舌里干了，在水里泡一夜就能洗干净。请冲洗笔尖，直到水变清为止，然后等它完全干燥，再装入您喜欢的墨水，并避免使用含有颗粒的墨水。',
  uk: 'Більшість ручок, які переривають, не зламані. Чорнило засохло в живильнику, і достатньо однієї ночі у воді, щоб його очистити. Промивайте перо, доки вода не стане чистою, і дайте йому висохнути, перш ніж наповнювати знову, інакше чорнило буде рідким.',
  ru: 'Большинство ручек, которые прерываются, не сломаны. Чернила засохли в питателе, и достаточно одной ночи в воде, чтобы его очистить. Промывайте перо, пока вода не станет чистой, и дайте ему высохнуть, прежде чем наполнять снова, иначе чернила будут жидкими.',
};

t.test('a text is in its language, and in no other', async (t) => {
  for (const [language, text] of Object.entries(TEXTS)) {
    for (const asked of Object.keys(TEXTS)) {
      const expected = asked === language ? undefined : language;
      t.equal(otherLanguageOf(text, asked), expected, `${language}, asked for ${asked}`);
    }
  }
});

t.test('doubt is in favour of the text', async (t) => {
  const { en = '', pl = '', ja = '' } = TEXTS;
  for (const [why, text, asked] of [
    ['short', 'Rinse the nib until the water is clear, and let it dry before you fill it again.', 'pl'],
    ['names', 'Lamy Safari, Pilot Metropolitan, TWSBI Eco, Kaweco Sport, Pelikan M200, '.repeat(4), 'pl'],
    ['a quote', `Producent pisze: “${en}” I tyle.`, 'pl'],
    ['a block quote', `Producent pisze:\n\n> ${en}`, 'pl'],
    ['code', `Uruchom to:\n\n\`\`\`\n// ${en}\n\`\`\``, 'pl'],
    ['a mixture', `${pl} ${en}`, 'pl'],
    ['a mixture of scripts', `${ja} ${en}`, 'ja'],
    ['a mixture of scripts', `${ja} ${en}`, 'en'],
  ] as const) {
    t.strictSame(languageProblems(text, asked), [], why);
  }
  t.strictSame(languageProblems(en, undefined), []);
});

t.test('an article in another language is repaired once, then delivered with a warning', async (t) => {
  const edit = step({ topic: 'x', length: 500 }, 'blog.edit');
  const { en = '', pl = '' } = TEXTS;
  const article = (text: string) => ({
    text: [1, 2, 3].map((number) => `## ${number}\n\n${text} ${text} ${text}`).join('\n\n'),
    isCut: false,
  });
  const rules = { language: 'pl' };
  const problem = 'The text is in English. Write all of it in Polish.';
  const first = checkAnswer(edit, article(en), true, undefined, rules);
  t.match(first, { kind: 'repair', repair: { kind: 'correct', problems: [problem] } });
  if (first.kind !== 'repair') return;
  t.match(checkAnswer(edit, article(pl), false, first.repair, rules), { kind: 'accept', warnings: [] });
  t.match(checkAnswer(edit, article(en), false, first.repair, rules), {
    kind: 'accept',
    warnings: [problem],
  });
  t.match(checkAnswer(edit, article(en), true), { kind: 'accept' }, 'where any language is right');
});

t.test('the texts of an object are checked, except those that are in English in any case', async (t) => {
  const request = { topic: 'x', content_types: ['image_prompts'] };
  const prompts = step(request, 'image_prompts.write');
  const { en = '', pl = '' } = TEXTS;
  const answer = (alt: string) => ({
    text: JSON.stringify({
      prompts: ['hero', 'section', 'social', 'thumbnail'].map((use) => ({
        ...{ use, prompt: en, alt_text: alt, aspect_ratio: '16:9' },
      })),
    }),
    isCut: false,
  });
  const check = (alt: string) => checkAnswer(prompts, answer(alt), true, undefined, { language: 'pl' });
  t.match(check(pl), { kind: 'accept', warnings: [] });
  t.match(check(en), { kind: 'repair', repair: { problems: [/in English/] } });
  t.equal(textsIn({ a: [{ b: 'two words', c: en }, 7, null] }), en);
});

t.test('the language is required that the request states or shows', async (t) => {
  const required = (request: object, inputs = {}, part: 'blog' | 'reply' = 'blog') => {
    const parsed = { content_types: ['blog'], length: 'medium', ...request };
    return requiredLanguage({ part }, briefOf(parsed as never, 1_000, inputs));
  };
  const prompt = { id: 'x', version: 1, text: 'Napisz po polsku.' };
  t.equal(required({ topic: 'x', language: 'pl' }), 'pl');
  t.equal(required({ topic: 'Jak dbać o pióro wieczne' }), 'pl');
  t.equal(required({ topic: 'How to clean the nib of a pen' }), 'en');
  t.equal(required({ topic: 'Lamy Safari' }), undefined, 'English is only assumed');
  t.equal(required({ topic: 'x', language: 'Klingon' }), undefined);
  t.equal(required({ topic: 'x' }, { prompt }), undefined, 'a prompt of the customer may say another');
  t.equal(required({ topic: 'x', language: 'de' }, { prompt }), 'de');
  t.equal(required({ text: 'Danke!' }, {}, 'reply'), undefined, 'a reply is in the language of its message');
});

t.test('the call that repairs the language is planned, and so it is held', async (t) => {
  const calls = planOf({ topic: 'Pióra', content_types: ['social', 'newsletter'], language: 'pl' }).calls;
  for (const step of ['social.write', 'newsletter.write'])
    t.ok(
      calls.some((call) => call.step === `${step}#2` && call.isSpare),
      step,
    );
});
