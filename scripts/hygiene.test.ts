import t from 'tap';
import { findDirt } from './hygiene.ts';

t.test('unpublishable text is found, with its line', async (t) => {
  const open = ['TO', 'DO'].join('');
  t.match(findDirt('a.ts', `fine\n// ${open}: later`), ['a.ts:2: an open end']);
  t.match(findDirt('a.md', ['see ', 'home', 'ann'].join('/')), ['a.md:1: a path of one machine']);
  t.match(findDirt('.npmrc', `registry=https://registry.${'npmjs'}.org/`), ['a host of a package registry']);
  t.strictSame(findDirt('package-lock.json', `"resolved": "https://registry.${'npmjs'}.org/x"`), []);
  t.strictSame(findDirt('a.ts', `const url = '/v1/home/feed'; // mastodon, todos\n/api/users/1`), []);
});

t.test('retired names and avoided words are found, except where they are needed', async (t) => {
  const retired = ['CLOCK', 'WORK'].join('');
  t.match(findDirt('a.ts', `const by = ${retired};`), [/^a\.ts:1: a retired name/]);
  t.match(findDirt('a.md', `No${'body'} is charged.`), [/^a\.md:1: a word/]);
  t.strictSame(findDirt('migrations/0001_a.sql', `-- no${'body'} ${retired}`), []);
});
