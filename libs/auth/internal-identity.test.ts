import { createHmac } from 'node:crypto';
import t from 'tap';
import { type Caller, SERVICE_CALLER, type ServiceName } from '#libs/contracts/internal-context.ts';
import { createInternalIdentity, type InternalKey } from './internal-identity.ts';

const OLD = 'old-secret-0123456789-0123456789-0123456789';
const NEW = 'new-secret-0123456789-0123456789-0123456789';
const START = new Date('2026-11-20T12:00:00Z').getTime();
let nowMs = START;
const now = () => new Date(nowMs);
t.beforeEach(() => {
  nowMs = START;
});

const MEMBER: Caller = { ...SERVICE_CALLER, accountId: 'a1', userId: 'Größe – 大 🙂', scopes: ['*'] };
const REQUEST = { method: 'GET', path: '/internal/prices?model=%00' };
const keyOf = (sender: ServiceName, receiver: ServiceName, secret = NEW): InternalKey => ({
  sender,
  receiver,
  secret,
});
const identityOf = (service: ServiceName, ...keys: InternalKey[]) =>
  createInternalIdentity({ service, keys, now });

const gateway = identityOf('gateway', keyOf('gateway', 'billing'));
const billing = identityOf(
  'billing',
  keyOf('gateway', 'billing'),
  keyOf('generation', 'billing', `${NEW}-generation`),
);
const generation = identityOf('generation', keyOf('generation', 'billing', `${NEW}-generation`));

/** A header as a service with its key could write it. */
function forge(context: object, secret = NEW): string {
  const body = JSON.stringify({
    iss: 'gateway',
    aud: 'billing',
    ...REQUEST,
    caller: MEMBER,
    exp: START / 1000 + 60,
    ...context,
  });
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

t.test('given a header of the gateway, then its caller is known', async (t) => {
  const header = gateway.signFor('billing')(REQUEST, MEMBER);
  t.match(header, /^[\x20-\x7e]+\.[\w-]{43}$/, 'fit for a header');
  t.strictSame(billing.verify(header, REQUEST), { ok: true, sender: 'gateway', caller: MEMBER });
});

t.test("given a member's header, then it is good for no other request", async (t) => {
  const header = gateway.signFor('billing')(REQUEST, MEMBER);
  for (const other of [
    { ...REQUEST, method: 'PUT' },
    { ...REQUEST, path: '/internal/accounts/b/entitlements' },
    { ...REQUEST, path: `${REQUEST.path}&account_id=b` },
  ]) {
    t.strictSame(billing.verify(header, other), { ok: false, reason: 'other_request' });
  }
  const metering = identityOf('usage-metering', keyOf('gateway', 'usage-metering', OLD));
  t.strictSame(metering.verify(header, REQUEST), { ok: false, reason: 'bad_signature' });
});

t.test('given one secret for all pairs, then sender and receiver are still bound', async (t) => {
  const shared = (['gateway', 'generation'] as const).flatMap((sender) => [
    keyOf(sender, 'billing'),
    keyOf(sender, 'usage-metering'),
  ]);
  const metering = identityOf('usage-metering', ...shared);
  const header = identityOf('gateway', ...shared).signFor('billing')(REQUEST);
  t.strictSame(metering.verify(header, REQUEST), { ok: false, reason: 'bad_signature' });
});

t.test('given another service, then it cannot act for a user, nor as the gateway', async (t) => {
  const sign = generation.signFor('billing');
  t.strictSame(billing.verify(sign(REQUEST), REQUEST), {
    ok: true,
    sender: 'generation',
    caller: SERVICE_CALLER,
  });
  t.strictSame(billing.verify(sign(REQUEST, MEMBER), REQUEST), { ok: false, reason: 'caller_not_allowed' });
  t.strictSame(billing.verify(forge({}, `${NEW}-generation`), REQUEST), {
    ok: false,
    reason: 'bad_signature',
  });
  t.throws(() => generation.signFor('usage-metering'), /no key for generation:usage-metering/);
});

t.test('given an expiry in the past, the far future or none, then the header is rejected', async (t) => {
  const seconds = START / 1000;
  t.equal(billing.verify(forge({ exp: seconds + 1 }), REQUEST).ok, true);
  t.equal(billing.verify(forge({ exp: seconds + 120 }), REQUEST).ok, true);
  for (const exp of [seconds, seconds - 1, seconds + 121, seconds + 315_360_000, null, undefined, 'soon']) {
    t.strictSame(
      billing.verify(forge({ exp }), REQUEST),
      { ok: false, reason: 'expired' },
      JSON.stringify(exp),
    );
  }
});

t.test('given repeated requests, then a header is signed once in half a minute and expires', async (t) => {
  const sign = gateway.signFor('billing');
  const header = sign(REQUEST, MEMBER);
  nowMs += 29_999;
  t.equal(sign(REQUEST, { ...MEMBER }), header, 'an equal caller');
  t.not(sign(REQUEST, { ...MEMBER, role: 'owner' }), header);
  nowMs += 1;
  const renewed = sign(REQUEST, MEMBER);
  t.not(renewed, header);
  nowMs = START + 59_999;
  t.equal(billing.verify(header, REQUEST).ok, true);
  t.equal(billing.verify(header, REQUEST).ok, true, 'also from the cache');
  nowMs = START + 60_000;
  t.strictSame(billing.verify(header, REQUEST), { ok: false, reason: 'expired' });
  t.equal(billing.verify(renewed, REQUEST).ok, true);
  nowMs = START - 3_600_000;
  t.equal(billing.verify(sign(REQUEST, MEMBER), REQUEST).ok, true, 'after the clock was set back');
});

t.test('given more distinct requests than are remembered, then each is still signed right', async (t) => {
  const sign = gateway.signFor('billing');
  for (let index = 0; index < 5_000; index += 1) {
    const request = { method: 'GET', path: `/api/usage?page=${index}` };
    if (!billing.verify(sign(request, MEMBER), request).ok) t.fail(`page ${index}`);
  }
});

t.test('given a rotation, then the old and the new key are accepted', async (t) => {
  const before = identityOf('gateway', keyOf('gateway', 'billing', OLD)).signFor('billing')(REQUEST);
  const during = identityOf('billing', keyOf('gateway', 'billing', NEW), keyOf('gateway', 'billing', OLD));
  const after = identityOf('billing', keyOf('gateway', 'billing', NEW));
  t.equal(during.verify(before, REQUEST).ok, true);
  t.equal(during.verify(gateway.signFor('billing')(REQUEST), REQUEST).ok, true);
  t.strictSame(after.verify(before, REQUEST), { ok: false, reason: 'bad_signature' });
});

t.test('rejects altered and malformed headers without throwing', async (t) => {
  const header = gateway.signFor('billing')(REQUEST, MEMBER);
  t.equal(billing.verify(header, REQUEST).ok, true);
  for (let index = 0; index < header.length; index++) {
    const letter = header[index] === 'A' ? 'Q' : 'A';
    const altered = header.slice(0, index) + letter + header.slice(index + 1);
    if (billing.verify(altered, REQUEST).ok) t.fail(`altered at ${index}`);
  }
  const body = header.slice(0, -44);
  const signature = header.slice(-43);
  for (const text of [
    '',
    '.',
    'a.b',
    body,
    `${body}.`,
    `.${signature}`,
    `${header}x`,
    `${header}.x`,
    `é${header}`,
  ]) {
    t.equal(billing.verify(text, REQUEST).ok, false, text.slice(0, 20));
  }
  t.strictSame(billing.verify(`${body}${signature}`, REQUEST), { ok: false, reason: 'malformed' });
  t.strictSame(billing.verify(`${body}.${'ü'.repeat(43)}`, REQUEST), { ok: false, reason: 'bad_signature' });
});

t.test('refuses short secrets', async (t) => {
  t.throws(() => identityOf('gateway', keyOf('gateway', 'billing', 'short')), /at least 32/);
});
