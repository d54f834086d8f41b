import t from 'tap';
import { createAttempts, findDirectives, noDirectives, parseDirectives } from './faults.ts';

t.test('reads the grammar', async (t) => {
  const table: [string, unknown][] = [
    ['', {}],
    ['status=503', { status: 503 }],
    ['429x2', { failures: { status: 429, count: 2 } }],
    [' 503x1 , retry_after_ms=5, id=a ', { failures: { status: 503, count: 1 }, retryAfterMs: 5, id: 'a' }],
    ['slow=10,chunk_delay=5,cut=0', { slowMs: 10, chunkDelayMs: 5, cutAfter: 0 }],
    ['fill,hang,malformed', { fill: true, hang: true, malformed: true }],
    ['no_usage,moderated', { noUsage: true, moderated: true }],
    ['usage=max,until=gate,pass=2', { usage: 'max', until: 'gate', pass: 2 }],
    [
      'fill_input=9,tokens=8,cached=7,reasoning=6,chunks=5,overrun=4',
      { fillInput: 9, tokens: 8, cached: 7, reasoning: 6, chunks: 5, overrun: 4 },
    ],
  ];
  for (const [text, expected] of table) t.strictSame(parseDirectives(text), expected, text);
});

t.test('accepts no word that it does not know', async (t) => {
  for (const text of [
    'statsu=503',
    'status=200',
    'fill=1',
    'slow',
    'tokens=-1',
    'chunks=0',
    '200x1',
    'a=b=c',
    'usage=all',
    'usage',
  ]) {
    t.equal(parseDirectives(text), undefined, text);
  }
});

t.test('finds directives wherever a client can put them', async (t) => {
  const nothing = { header: undefined, model: 'm', endUser: undefined, message: 'Hello' };
  t.equal(findDirectives(nothing), noDirectives);
  t.strictSame(findDirectives({ ...nothing, header: 'fill' }), { fill: true });
  t.strictSame(findDirectives({ ...nothing, model: 'm#fault=429x1' }), {
    failures: { status: 429, count: 1 },
  });
  t.strictSame(findDirectives({ ...nothing, model: 'm#tokens=5' }), { tokens: 5 });
  t.strictSame(findDirectives({ ...nothing, message: 'Hi [[simulate: hang]] you' }), { hang: true });
  t.strictSame(findDirectives({ ...nothing, endUser: 'status=500' }), { status: 500 });
  t.strictSame(findDirectives({ ...nothing, endUser: 'user-17' }), {}, 'an ordinary user');
  t.strictSame(findDirectives({ ...nothing, header: 'tokens=2', endUser: 'tokens=1' }), { tokens: 2 });
  t.strictSame(findDirectives({ ...nothing, header: 'filll' }), { unknown: 'filll' });
  t.match(findDirectives({ ...nothing, message: '[[simulate: never closed' }), { unknown: String });
});

t.test('counts attempts by name', async (t) => {
  const attempts = createAttempts();
  t.strictSame([attempts.count('a'), attempts.count('b'), attempts.count('a')], [1, 1, 2]);
  attempts.clear();
  t.equal(attempts.count('a'), 1);
});
