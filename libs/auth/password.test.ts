import { argon2Sync } from 'node:crypto';
import t from 'tap';
import { hashPassword, passwordNeedsRehash, verifyPassword } from './password.ts';

t.test('accepts the right password and rejects a wrong one', async (t) => {
  const stored = await hashPassword('correct horse battery staple');
  t.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  t.equal(await verifyPassword('correct horse battery staple', stored), true);
  t.equal(await verifyPassword('correct horse battery stapl', stored), false);
  t.equal(await verifyPassword('', stored), false);
  t.not(await hashPassword('correct horse battery staple'), stored, 'salted');
  t.equal(passwordNeedsRehash(stored), false);
});

t.test('does the same work for an unknown user', async (t) => {
  t.equal(await verifyPassword('anything', null), false);
});

t.test('accepts a password in any Unicode normalisation form', async (t) => {
  const stored = await hashPassword('Blu\u0308te');
  t.equal(await verifyPassword('Bl\u00fcte', stored), true);
});

t.test('verifies hashes with outdated parameters and requests a rehash', async (t) => {
  const salt = Buffer.from('somesaltsomesalt');
  const tag = argon2Sync('argon2id', {
    message: 'password',
    nonce: salt,
    memory: 64,
    passes: 3,
    parallelism: 2,
    tagLength: 24,
  });
  const stored = `$argon2id$v=19$m=64,t=3,p=2$${salt.toString('base64').replace(/=+$/, '')}$${tag.toString('base64')}`;
  t.equal(await verifyPassword('password', stored), true);
  t.equal(await verifyPassword('Password', stored), false);
  t.equal(passwordNeedsRehash(stored), true);
});

t.test('agrees with the reference implementation', async (t) => {
  // test vector of the reference implementation's test.c: argon2id, v=19, t=2, m=2^16, p=1
  const stored = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  t.equal(await verifyPassword('password', stored), true);
});

t.test('throws for a stored hash that is malformed or too costly', async (t) => {
  for (const stored of ['', 'plain', '$argon2i$v=19$m=64,t=3,p=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y']) {
    await t.rejects(verifyPassword('x', stored), /not argon2id/);
  }
  const greedy = '$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  await t.rejects(verifyPassword('x', greedy), /exceeds the accepted parameters/);
});
