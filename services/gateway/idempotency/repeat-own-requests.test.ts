/** `Idempotency-Key` on what the gateway serves itself. */
import t from 'tap';
import { addMember, createTestGateway, signUp } from '../fixtures.ts';
import { decrypt, encrypt } from './repeat-own-requests.ts';

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

t.test('a stored response is read with its key alone', async (t) => {
  const stored = encrypt('key', Buffer.from('{"key":"secret"}'));
  t.equal(decrypt('key', stored).toString(), '{"key":"secret"}');
  t.throws(() => decrypt('other', stored));
  t.throws(() => decrypt('key', Buffer.concat([stored.subarray(0, -1), Buffer.from([0])])));
  t.notSame(encrypt('key', Buffer.from('x')), encrypt('key', Buffer.from('x')));
});
