/** `Idempotency-Key` on what the gateway serves itself. */
import t from 'tap';
import { addMember, createTestGateway, signUp } from '../fixtures.ts';
import { bodyHashOf } from './domain.ts';
import { decrypt, encrypt } from './own-request.ts';

const key = (name: string) => ({ 'idempotency-key': name });

t.test('given a request that is repeated, then it creates once and is answered alike', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'ada');
  const as = owner.access_token;
  const create = (name: string, body: object, who = as) =>
    gateway.call('POST', '/api/api-keys', { as: who, headers: key(name), body });
  const first = await create('k1', { name: 'Robot' });
  const again = await create('k1', { name: 'Robot' });
  t.equal(first.status, 201);
  t.equal(again.status, 201);
  t.strictSame(again.body, first.body, 'with its secret');
  t.equal(first.headers['idempotent-replayed'], undefined);
  t.equal(again.headers['idempotent-replayed'], 'true');
  t.match(await create('k1', { name: 'Other' }), { status: 422, body: { code: 'idempotency_key_reused' } });
  t.not((await create('k2', { name: 'Robot' })).body.id, first.body.id);
  t.match(await create('a b', { name: 'Robot' }), { status: 400, body: { param: 'Idempotency-Key' } });

  const admin = await addMember(gateway, owner, 'grace', 'admin');
  t.not((await create('k1', { name: 'Robot' }, admin.access_token)).body.id, first.body.id, 'keys of others');

  const { rows } = await gateway.database.pool.query('SELECT * FROM idempotency_keys');
  const stored = JSON.stringify(rows.map((row) => ({ ...row, body: row.body.toString('latin1') })));
  t.notMatch(stored, first.body.key.split('_').at(-1), 'no secret is stored in plain text');
  t.notMatch(stored, ':k1"');

  const counted = (await gateway.call('GET', '/api/api-keys', { as })).body.data.length;
  t.equal(counted, 3);
});

t.test('given two at once, then one runs and the others must wait', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const body = { name: 'Marketing' };
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => gateway.call('POST', '/api/workspaces', { as, headers: key('w'), body })),
  );
  const created = answers.filter(({ status }) => status === 201);
  t.ok(created.length >= 1);
  t.equal(new Set(created.map((answer) => answer.body.id)).size, 1);
  for (const { status, body: refused } of answers.filter((answer) => answer.status !== 201)) {
    t.match([status, refused.code], [409, 'idempotency_in_progress']);
  }
});

t.test('given a refusal, then a repeat is decided anew unless it cannot change', async (t) => {
  const gateway = await createTestGateway(t, { limits: { workspaces: 1n } });
  const { access_token: as } = await signUp(gateway, 'ada');
  const create = (name: string, idempotencyKey: string) =>
    gateway.call('POST', '/api/workspaces', { as, headers: key(idempotencyKey), body: { name } });
  const { body: first } = await create('One', 'a');
  t.equal((await create('Two', 'b')).status, 429);
  await gateway.call('DELETE', `/api/workspaces/${first.id}`, { as });
  t.equal((await create('Two', 'b')).status, 201);
});

t.test('given a sign-up that is repeated, then its password gets the session again', async (t) => {
  const gateway = await createTestGateway(t, { variables: { RATE_LIMIT_PASSWORDS: '3' } });
  const body = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };
  const register = (idempotencyKey: string, changes: object = {}) =>
    gateway.call('POST', '/api/auth/register', {
      headers: key(idempotencyKey),
      body: { ...body, ...changes },
    });
  const first = await register('sign-up');
  const again = await register('sign-up');
  t.match([first.status, again.status], [201, 201]);
  t.strictSame(again.body, first.body);
  t.equal(again.headers['idempotent-replayed'], 'true');
  t.equal((await gateway.call('GET', '/api/me', { as: again.body.access_token })).status, 200);
  const other = await register('sign-up', { email: 'grace@example.com' });
  t.equal(other.status, 201, 'the key belongs to the address');

  const { rows } = await gateway.database.pool.query('SELECT * FROM idempotency_keys');
  const stored = JSON.stringify(rows.map((row) => ({ ...row, body: row.body?.toString('latin1') })));
  t.equal(rows.length, 2);
  for (const secret of [body.email, body.password, first.body.access_token, first.body.refresh_token]) {
    t.notOk(stored.includes(secret));
  }
  const fastHash = bodyHashOf({ path: '/api/auth/register', body: Buffer.from(JSON.stringify(body)) });
  t.notOk(stored.includes(fastHash), 'no hash that is easier to guess than that of the password');

  const guess = () => register('sign-up', { password: 'a wrong guess' });
  t.match(await guess(), { status: 422, body: { code: 'idempotency_key_reused' } });
  t.match(await guess(), { status: 429, body: { code: 'rate_limited', policy: 'passwords' } });
});

t.test('given an invitation that is accepted again with its key, then the answer is the same', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const invitation = { email: 'grace@example.com', role: 'member' };
  const { body: invited } = await gateway.call('POST', '/api/invitations', { as, body: invitation });
  const accept = (idempotencyKey: string, more: object) =>
    gateway.call('POST', '/api/invitations/accept', {
      headers: key(idempotencyKey),
      body: { token: invited.token, ...more },
    });
  const password = 'correct horse battery';
  t.equal((await accept('k', {})).status, 422, 'without a password');
  const first = await accept('k', { password });
  const again = await accept('k', { password });
  t.match([first.status, again.status], [201, 201], 'a refusal does not use the key');
  t.strictSame(again.body, first.body);
  t.equal((await accept('other', { password })).status, 404);
});

t.test('a stored response is read with its key alone', async (t) => {
  const stored = encrypt('key', Buffer.from('{"key":"secret"}'));
  t.equal(decrypt('key', stored).toString(), '{"key":"secret"}');
  t.throws(() => decrypt('other', stored));
  t.throws(() => decrypt('key', Buffer.concat([stored.subarray(0, -1), Buffer.from([0])])));
  t.notSame(encrypt('key', Buffer.from('x')), encrypt('key', Buffer.from('x')));
});
