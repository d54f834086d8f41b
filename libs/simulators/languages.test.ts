/** The simulator writes the language that a prompt asks for. */
import t from 'tap';
import { languageName } from '#libs/pipelines/content/language.ts';
import { otherLanguageOf, textsIn } from '#libs/pipelines/content/written-language.ts';
import { fenceUntrusted } from '#libs/pipelines/untrusted.ts';
import { writeStep } from './content.ts';
import { writeObject } from './content-objects.ts';
import { LANGUAGES, phrasesOf } from './phrases/languages.ts';
import { writeText } from './text.ts';

t.test('articles, posts and answers are in the language that is asked for', async (t) => {
  const networks = { linkedin: { properties: { text: {}, hashtags: {} } } };
  for (const language of LANGUAGES) {
    const name = languageName(language);
    const asked = `Language: ${name}.\n\n${fenceUntrusted('topic', 'Lamy Safari')}`;
    const texts = {
      article: writeStep(`Write a blog article of about 300 words in Markdown: x\n\n${asked}`) ?? '',
      posts: textsIn(writeObject({ properties: networks }, `Posts\n\n${asked}`)),
      answer: writeText(`Tell me something about Lamy Safari in ${name}`, ''),
    };
    for (const [kind, text] of Object.entries(texts)) {
      t.equal(otherLanguageOf(text, language), undefined, `${kind} in ${language}`);
      const other = language === 'de' ? 'en' : 'de';
      // An answer is too short for certainty in every language.
      if (kind !== 'answer') t.equal(otherLanguageOf(text, other), language, `${kind} shows that`);
      t.notMatch(text, /[{}]/, `${kind} in ${language}: every blank is filled`);
    }
  }
});

t.test('every language has all phrases, and promises that fit into a headline', async (t) => {
  const { sections, ads, ...lists } = phrasesOf('en');
  for (const language of LANGUAGES) {
    const phrases = phrasesOf(language);
    for (const key of Object.keys(lists) as (keyof typeof lists)[])
      t.ok(Object.keys(phrases[key]).length > 0, `${language}: ${key}`);
    t.ok(phrases.titleTemplates.length >= 4 && phrases.concerns.length === 5 && phrases.tags.length === 3);
    t.ok(phrases.sections.length >= Math.min(4, sections.length));
    t.equal(phrases.ads.promises.length, ads.promises.length);
    for (const promise of phrases.ads.promises) t.ok([...promise].length <= 30, `${language}: ${promise}`);
  }
});

t.test('chats are answered in their own language, and in English if it does not show', async (t) => {
  t.equal(otherLanguageOf(writeText('Jak się robi atrament i dlaczego nie jest tani?', ''), 'en'), 'pl');
  t.equal(otherLanguageOf(writeText('万年筆のインクについて教えてください。', ''), 'en'), 'ja');
  t.equal(otherLanguageOf(writeText('Lamy Safari', ''), 'de'), 'en');
});
