/** What becomes of answers: repaired, fitted, cited, and assembled. */
import t from 'tap';
import { checkAnswer } from './check.ts';
import { planOf, SOME_ID, step } from './content.fixture.ts';
import { assemblePart } from './pipeline.ts';
import { readabilityOf } from './readability.ts';
import { replaceSection, sectionsOf } from './sections.ts';
import { withCitations } from './sources.ts';
import { shortenTo, slugOf } from './text.ts';

t.test('an answer that was cut is continued, else shortened, and never complete', async (t) => {
  const edit = step({ topic: 'x', length: 500 }, 'blog.edit');
  const paragraph = `${'One more useful sentence about it. '.repeat(40)}`;
  const cut = `## One\n\n${paragraph}\n\n## Two\n\n${paragraph}\n\n## Three\n\nThis ends in the mid`;
  const first = checkAnswer(edit, { text: cut, isCut: true }, true);
  t.match(first, { kind: 'repair', repair: { kind: 'continue', draft: cut } });
  if (first.kind !== 'repair') return;
  const whole = checkAnswer(edit, { text: `dle of a word. ${paragraph}`, isCut: false }, false, first.repair);
  t.match(whole, { kind: 'accept', output: { markdown: /in the middle of a word\./ }, warnings: [] });
  const again = checkAnswer(edit, { text: 'dle. And then', isCut: true }, false, first.repair);
  t.match(again, { kind: 'accept', output: { markdown: /in the middle\.$/ }, warnings: [/output cap/] });
  t.match(checkAnswer(edit, { text: 'No.', isCut: false }, false), { kind: 'fail' });
});

t.test('words to avoid are repaired once, then a warning', async (t) => {
  const post = step({ topic: 'tea', content_types: ['social'], networks: ['threads'] }, 'social.write');
  const answer = (text: string) => ({
    text: JSON.stringify({ threads: { text, hashtags: [] } }),
    isCut: false,
  });
  const avoided = ['game-changer', 'tea', '緑茶'];
  const problems = (text: string) => {
    const verdict = checkAnswer(post, answer(text), true, undefined, { avoided });
    return verdict.kind === 'repair' ? verdict.repair.problems : [];
  };
  t.strictSame(problems('A Game-Changer for steam and teams.'), [
    'Say it without “game-changer”, which is to be avoided.',
  ]);
  t.strictSame(problems('Brew your TEA.'), ['Say it without “tea”, which is to be avoided.']);
  t.strictSame(problems('今日は緑茶を飲む。'), ['Say it without “緑茶”, which is to be avoided.']);
  t.strictSame(problems('Brew your cup.'), []);
  t.match(checkAnswer(post, answer('Tea.'), false, undefined, { avoided }), {
    kind: 'accept',
    warnings: ['Say it without “tea”, which is to be avoided.'],
  });
});

t.test('posts are repaired once, then fitted to their network', async (t) => {
  const social = step(
    { topic: 'tea', content_types: ['social'], networks: ['x', 'threads'] },
    'social.write',
  );
  const long = 'A sentence about tea that goes on. '.repeat(12).trim();
  const answer = {
    text: JSON.stringify({
      x: { text: `${long} #tea`, hashtags: ['green tea'] },
      threads: { text: 'Tea.', hashtags: [] },
    }),
    isCut: false,
  };
  t.match(checkAnswer(social, answer, true), {
    kind: 'repair',
    repair: { kind: 'correct', problems: [/^X: \d+ characters/] },
  });
  const final = checkAnswer(social, answer, false);
  t.match(final, { kind: 'accept', output: { json: { x: { hashtags: ['#greentea'] } } } });
  if (final.kind !== 'accept') return;
  const { content } = assemblePart('social', social.brief, new Map([['social.write', final.output]]));
  const [x] = content.posts as { characters: number; text_with_hashtags: string }[];
  t.ok(x !== undefined && x.characters <= 280, 'fits X');
  t.match(checkAnswer(social, { text: 'I cannot do that.', isCut: false }, false), { kind: 'fail' });
});

t.test('texts are cut between sentences or words, and slugs work in any script', async (t) => {
  t.equal(shortenTo('One. Two three. Four five six.', 16), 'One. Two three.');
  t.equal(shortenTo('Unbroken words without an end', 16), 'Unbroken words…');
  t.equal(slugOf('Über Tee & Łódź: 10 Ideen!'), 'uber-tee-lodz-10-ideen');
  t.equal(slugOf('緑茶の淹れ方'), '緑茶の淹れ方');
  t.match(readabilityOf('The cat sat on the mat. It was warm.', 'en'), {
    words: 9,
    sentences: 2,
    flesch_reading_ease: 100,
  });
});

t.test('claims name sources that exist, and the article lists those', async (t) => {
  const source = (id: string, title: string, url: string | null) => ({
    ...{ id, title, url, text: 'x', passage_id: url === null ? `${SOME_ID}#0` : null },
  });
  const sources = [
    source('S1', 'guide.pdf, page 2', null),
    source('S2', 'Ink [x](javascript:1) <b>', 'https://ink.example/a'),
    source('S3', 'Unused', 'https://ink.example/b'),
  ];
  const text = '## Ink\n\nInk dries fast [S2]. Paper absorbs it [S1, S9]. Nobody knows [S7].\n\nThe end.';
  const { markdown, used, claims } = withCitations(text, sources, 'Quellen');
  t.equal(
    markdown,
    '## Ink\n\nInk dries fast [S2]. Paper absorbs it [S1]. Nobody knows.\n\nThe end.\n\n## Quellen\n\n' +
      '- [S1] guide.pdf, page 2\n- [S2] [Ink x (javascript:1) b](<https://ink.example/a>)\n',
  );
  t.strictSame(claims, [
    { text: 'Ink dries fast.', sources: ['S2'] },
    { text: 'Paper absorbs it.', sources: ['S1'] },
  ]);
  t.strictSame(
    used.map(({ id }) => id),
    ['S1', 'S2'],
  );
  t.equal(withCitations('No claim.', sources, 'Sources').markdown, 'No claim.');
});

t.test('variants are planned, priced and counted with what they belong to', async (t) => {
  const body = { topic: 'rivers', content_types: ['blog', 'social', 'video'], length: 500 };
  const capOf = (more: object, key: string) =>
    planOf({ ...body, ...more }).calls.find(({ step }) => step === key)?.outputTokens ?? 0;
  for (const [key, least] of [
    ['social.write', 1.7],
    ['blog.metadata', 1.05],
    ['video.write', 1.01],
  ] as const)
    t.ok(capOf({ variants: 2 }, key) >= capOf({}, key) * least, key);
  const { calls } = planOf({ ...body, variants: 3 });
  t.match(
    calls.find(({ step }) => step === 'social.write'),
    { counts: { 'gen.social': 3 } },
  );
  t.match(
    calls.find(({ step }) => step === 'blog.edit'),
    { counts: { 'gen.blog': 1 } },
  );
  const social = step(
    { topic: 'tea', content_types: ['social'], networks: ['x'], variants: 2 },
    'social.write',
  );
  const x = { text: 'Tea first.', hashtags: ['tea'] };
  const answer = (versions: object[]) => ({ text: JSON.stringify({ versions }), isCut: false });
  t.match(checkAnswer(social, answer([{ x }]), true), {
    kind: 'repair',
    repair: { problems: ['Give 2 versions, not 1.'] },
  });
  const verdict = checkAnswer(social, answer([{ x }, { x: { ...x, text: 'Water second.' } }]), true);
  if (verdict.kind !== 'accept') throw new Error(verdict.kind);
  const { content, markdown } = assemblePart(
    'social',
    social.brief,
    new Map([['social.write', verdict.output]]),
  );
  t.match(content, {
    posts: [{ network: 'x', text: 'Tea first.' }],
    alternatives: [[{ network: 'x', text: 'Water second.' }]],
  });
  t.equal(markdown, '## X\n\nTea first.\n\n#tea\n\n## X 2\n\nWater second.\n\n#tea');
});

t.test('a rewritten section replaces the one that was read, also where that has moved', async (t) => {
  const article = 'Intro.\n\n## One\n\nFirst.\n\n```\n## no heading\n```\n\n## Two\n\nSecond.\n';
  t.strictSame(
    sectionsOf(article).map(({ text }) => text),
    ['## One\n\nFirst.\n\n```\n## no heading\n```', '## Two\n\nSecond.'],
  );
  const next = '## Two\n\nBetter.';
  t.equal(replaceSection(article, 2, '## Two\n\nSecond.', next), article.replace('Second.', 'Better.'));
  const moved = `## Zero\n\nNew.\n\n${article}`;
  t.equal(replaceSection(moved, 2, '## Two\n\nSecond.', next), moved.replace('Second.', 'Better.'));
  t.equal(replaceSection(article, 2, '## Two\n\nOther.', next), undefined);
});
