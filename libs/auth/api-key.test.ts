import t from 'tap';
import {
  apiKeyDisplayPrefix,
  generateApiKey,
  hashApiKeySecret,
  looksLikeApiKey,
  matchesApiKeySecret,
  parseApiKey,
} from './api-key.ts';

t.test('parses a generated key into its parts', async (t) => {
  const key = generateApiKey();
  t.match(key.text, /^ik_live_[1-9A-HJ-NP-Za-km-z]{16}_[1-9A-HJ-NP-Za-km-z]{32}$/);
  t.strictSame(parseApiKey(key.text), { id: key.id, secret: key.secret });
  t.equal(key.displayPrefix, key.text.slice(0, 14));
  t.equal(apiKeyDisplayPrefix(key.id), key.displayPrefix);
  t.not(generateApiKey().id, key.id);
});

t.test('accepts only the secret of the key', async (t) => {
  const key = generateApiKey();
  t.ok(matchesApiKeySecret(key.secret, key.secretHash));
  t.ok(matchesApiKeySecret(key.secret, new Uint8Array(hashApiKeySecret(key.secret))));
  t.notOk(matchesApiKeySecret(generateApiKey().secret, key.secretHash));
  t.notOk(matchesApiKeySecret(key.secret, Buffer.alloc(0)));
  t.notMatch(key.secretHash.toString('latin1'), key.secret);
});

t.test('rejects malformed keys', async (t) => {
  const { text } = generateApiKey();
  for (const other of [
    '',
    'ik_live_',
    `${text}x`,
    ` ${text}`,
    `${text}\n`,
    text.slice(0, -1),
    text.replace('live', 'test'),
  ]) {
    t.equal(parseApiKey(other), null, JSON.stringify(other));
  }
  t.equal(parseApiKey(`${text.slice(0, -1)}0`), null, 'no letter from outside the alphabet');
  t.ok(looksLikeApiKey('ik_live_broken'));
  t.notOk(looksLikeApiKey('eyJhbGciOi.eyJz.c2ln'));
});

t.test('draws all letters with the same probability', async (t) => {
  // given a source that counts through all bytes
  let next = 0;
  const counting = (length: number) => Buffer.from(Array.from({ length }, () => next++ % 256));
  const drawn = new Map<string, number>();
  // when enough keys are made to go through every byte many times
  for (let round = 0; round < 290; round++) {
    const { id, secret } = generateApiKey(counting);
    for (const letter of id + secret) drawn.set(letter, (drawn.get(letter) ?? 0) + 1);
  }
  // then every letter came up, and none twice as often as another
  t.equal(drawn.size, 58);
  const counts = [...drawn.values()];
  t.ok(Math.max(...counts) / Math.min(...counts) < 1.2, `${Math.min(...counts)}–${Math.max(...counts)}`);
});
