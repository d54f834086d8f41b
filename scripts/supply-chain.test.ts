import t from 'tap';
import { checkIntegrity, checkLicences, findCredentials, isPermissive } from './supply-chain.ts';

t.test('licences', async (t) => {
  t.ok(isPermissive('MIT'));
  t.ok(isPermissive('(MIT OR GPL-3.0-or-later)'));
  t.notOk(isPermissive('MIT AND GPL-3.0-or-later'));
  t.notOk(isPermissive('SSPL-1.0'));
  t.strictSame(checkLicences(), []);
  t.match(checkLicences([['left', { license: 'GPL-3.0' }]]), ['left: GPL-3.0.']);
  t.match(checkLicences([['left', {}]]), ['left: no licence.']);
});

t.test('checksums', async (t) => {
  t.strictSame(checkIntegrity(), []);
  t.strictSame(checkIntegrity([['left', { version: '1.0.0' }]]), [
    'left@1.0.0 has no checksum in package-lock.json',
  ]);
});

t.test('credentials', async (t) => {
  const filler = 'Ab1'.repeat(30);
  for (const text of [
    `sk-${filler}`,
    `sk-ant-${filler}`,
    `AIza${filler.slice(0, 35)}`,
    `rk_live_${filler}`,
    `whsec_${filler}`,
    `ghp_${filler.slice(0, 36)}`,
    `AKIA${'A1'.repeat(8)}`,
    `xoxb-${filler}`,
    `-----BEGIN PRIVATE KEY-----\n${filler}`,
  ]) {
    t.match(findCredentials(`first\n${text}`), [/^line 2: /], text.slice(0, 8));
  }
  t.strictSame(findCredentials('sk-… ik_live_... sk_test_simulated whsec_test'), []);
});
