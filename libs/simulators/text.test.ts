import t from 'tap';
import { textKind, topicOf, writeText } from './text.ts';

const words = (text: string) => text.split(/\s+/).length;

t.test('detects what a prompt asks for by its first keyword', async (t) => {
  t.equal(textKind('Write a blog article from these research notes', ''), 'article');
  t.equal(textKind('Research this for an article', ''), 'research');
  t.equal(textKind('Edit the following article', ''), 'edit');
  t.equal(textKind('A LinkedIn post about the article', ''), 'social');
  t.equal(textKind('Solar panels', 'You write blog posts.'), 'article');
  t.equal(textKind('What is the time?', ''), 'answer');
});

t.test('finds the topic', async (t) => {
  t.equal(topicOf('Write a blog post about urban bee keeping. Be brief.'), 'urban bee keeping');
  t.equal(topicOf('Research “tea gardens” for us'), 'tea gardens');
  t.equal(topicOf('Topic: remote work\nTone: warm'), 'remote work');
  t.equal(topicOf('hi'), 'this topic');
});

t.test('writes an article of 500 words or more, in sections', async (t) => {
  for (const topic of ['tea gardens', 'bee keeping', 'solar panels for small shops']) {
    const article = writeText(`Write a blog article about ${topic}`, '');
    t.ok(words(article) >= 500, `${words(article)} words`);
    t.match(article, /^# .+\n\n/);
    const sections = article.match(/^## /gm)?.length ?? 0;
    t.ok(sections >= 5 && sections <= 7, 'body, checklist and conclusion');
    t.match(article, /## Conclusion/);
    t.notMatch(article, /[{}]/, 'every blank is filled');
  }
});

t.test('writes a post for X that fits', async (t) => {
  const posts = writeText('Write social media posts about keeping bees in very large and noisy cities', '');
  const short = posts.split('## X\n\n')[1] ?? '';
  t.ok(short.length > 40 && short.length < 280, `${short.length} characters`);
  t.match(short, /#\w+/);
  t.match(posts, /## LinkedIn/);
});

t.test('edits the draft it was given', async (t) => {
  t.equal(
    writeText('Please edit this draft:\n\nit is a very good text . we utilize it in order to learn', ''),
    'It is a good text. We use it to learn',
  );
});

t.test('says the same to the same prompt, and something else to another choice', async (t) => {
  const prompt = 'How does one keep bees?';
  t.equal(writeText(prompt, ''), writeText(prompt, ''));
  t.not(writeText(prompt, '', 0), writeText(prompt, '', 1));
});
