import t from 'tap';
import { createContextSigner, type Expiring } from './internal-context.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const OLD = 'old-secret-0123456789-0123456789-0123456789';
const NEW = 'new-secret-0123456789-0123456789-0123456789';
const now = () => NOW;
const payload = {
  exp: NOW.getTime() / 1000 + 60,
  caller: { accountId: 'a1', role: 'owner' },
  note: 'Größe – 大 🙂',
  plan: Array.from({ length: 8 }, (_, index) => ({ index, model: 'gpt-5', costNanoUsd: '314250' })),
};

t.test('verifies what another service has signed', async (t) => {
  const header = createContextSigner({ secrets: [NEW], now }).sign(payload);
  t.match(header, /^[\x20-\x7e]+\.[\w-]{43}$/, 'fit for a header');
  t.strictSame(createContextSigner({ secrets: [NEW], now }).verify(header), { ok: true, payload });
});

t.test('accepts the old and the new secret during a rotation', async (t) => {
  const before = createContextSigner({ secrets: [OLD], now });
  const during = createContextSigner({ secrets: [NEW, OLD], now });
  const after = createContextSigner({ secrets: [NEW], now });
  t.equal(during.verify(before.sign(payload)).ok, true);
  t.equal(after.verify(during.sign(payload)).ok, true, 'the first signs');
  t.strictSame(after.verify(before.sign(payload)), { ok: false, reason: 'bad_signature' });
});

t.test('rejects expired contexts and invalid expiries', async (t) => {
  const { sign, verify } = createContextSigner({ secrets: [NEW], now });
  const seconds = NOW.getTime() / 1000;
  t.equal(verify(sign({ exp: seconds + 1 })).ok, true);
  for (const exp of [seconds, seconds - 1, Number.NaN, undefined, null, 'soon']) {
    t.strictSame(verify(sign({ exp } as Expiring)), { ok: false, reason: 'expired' }, String(exp));
  }
});

t.test('rejects altered and malformed contexts without throwing', async (t) => {
  const { sign, verify } = createContextSigner({ secrets: [NEW, OLD], now });
  const header = sign(payload);
  for (let index = 0; index < header.length; index++) {
    const letter = header[index] === 'A' ? 'Q' : 'A';
    const altered = header.slice(0, index) + letter + header.slice(index + 1);
    if (verify(altered).ok) t.fail(`altered at ${index}`);
  }
  const [body = '', signature = ''] = header.split('.');
  for (const text of [
    '',
    '.',
    'a.b',
    body,
    `${body}.`,
    `.${signature}`,
    `${body}.${signature}x`,
    `${header}.x`,
  ]) {
    t.equal(verify(text).ok, false, text.slice(0, 20));
  }
  t.strictSame(verify(`${body}${signature}`), { ok: false, reason: 'malformed' });
  t.strictSame(
    verify(header.replace(/^\{/, ' {')),
    { ok: false, reason: 'malformed' },
    'only objects are parsed',
  );
});

t.test('refuses short and missing secrets', async (t) => {
  t.throws(() => createContextSigner({ secrets: [], now }), /At least one/);
  t.throws(() => createContextSigner({ secrets: [NEW, 'short'], now }), /at least 32/);
});
