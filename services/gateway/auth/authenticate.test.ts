import { createHmac, createPublicKey } from 'node:crypto';
import { importJWK, type JWK, SignJWT } from 'jose';
import t from 'tap';
import { generateApiKey } from '#libs/auth/api-key.ts';
import { countContentTokens, listGeminiModels } from '#libs/contracts/gemini-operations.ts';
import type { Listener } from '#libs/db/listen.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { createKey, createTestGateway, privateJwk, signUp, TEST_JWK, type TestGateway } from '../fixtures.ts';

/** Counts how often the database is asked. */
function countQueries({ database }: TestGateway): () => number {
  let count = 0;
  database.pool.on('acquire', () => {
    count += 1;
  });
  return () => count;
}

/** Receives nothing, and does not reconnect after the test has kept the event loop busy. */
const deafListener = (isConnected: () => boolean): Listener => ({
  listen: async () => () => {},
  isConnected,
  close: async () => {},
});

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

t.test('given nothing or something else in the place of a credential', async (t) => {
  const gateway = await createTestGateway(t);
  for (const headers of [
    {},
    { authorization: 'Basic YTpi' },
    { authorization: 'Bearer' },
    { 'x-api-key': '' },
  ]) {
    t.match(await gateway.call('GET', '/api/me', { headers }), {
      status: 401,
      body: { code: 'unauthenticated' },
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
});

t.test('given altered tokens, none is accepted', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: token } = await signUp(gateway, 'ada');
  const claims = claimsOf(token);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const publicPem = createPublicKey({ key: TEST_JWK, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const hmac = (input: string, key: string | Buffer) =>
    `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  const hs256 = `${encode({ alg: 'HS256', typ: 'JWT', kid: 'test-1' })}.${payload}`;
  const foreignKey = await importJWK(privateJwk('ed25519') as JWK, 'EdDSA');
  const signedByStranger = (kid: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid }).sign(foreignKey);
  const own = await importJWK(TEST_JWK as JWK, 'EdDSA');
  const signedByUs = (changes: object, kid = 'test-1') =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'EdDSA', kid }).sign(own);

  t.equal(
    (await gateway.call('GET', '/api/me', { as: await signedByUs({}) })).status,
    200,
    'the method works',
  );
  const forged: Record<string, string> = {
    'HS256 with the public key as secret': hmac(hs256, publicPem),
    'HS256 with the raw public key as secret': hmac(hs256, Buffer.from(TEST_JWK.x ?? '', 'base64url')),
    'alg none': `${encode({ alg: 'none', kid: 'test-1' })}.${payload}.`,
    'alg none with the signature': `${encode({ alg: 'none', kid: 'test-1' })}.${payload}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'another payload': `${header}.${encode({ ...claims, sub: claims.account_id })}.${signature}`,
    'another algorithm in the header': `${encode({ alg: 'ES256', kid: 'test-1' })}.${payload}.${signature}`,
    'no kid': `${encode({ alg: 'EdDSA' })}.${payload}.${signature}`,
    'an unknown kid': await signedByStranger('other'),
    'our kid, their key': await signedByStranger('test-1'),
    'our key, an unknown kid': await signedByUs({}, 'test-2'),
    'another issuer': await signedByUs({ iss: 'https://elsewhere.example' }),
    'another audience': await signedByUs({ aud: 'elsewhere' }),
    'no expiry': await signedByUs({ exp: undefined }),
    'an expiry that is no number': `${header}.${encode({ ...claims, exp: 'never' })}.${signature}`,
    'no session': await signedByUs({ session_id: undefined }),
    'a session that is not theirs': await signedByUs({ session_id: gateway.newId() }),
    'an account that is not theirs': await signedByUs({ account_id: gateway.newId() }),
    'a user that does not exist': await signedByUs({ sub: gateway.newId() }),
    'three dots': '...',
    'something that is not JSON': 'e30.bm9wZQ.c2ln',
  };
  for (const [name, forgery] of Object.entries(forged)) {
    t.match(
      await gateway.call('GET', '/api/me', { as: forgery }),
      { status: 401, body: { code: 'invalid_token' } },
      name,
    );
  }
  for (const text of ['hello', 'sk-proj-abc']) {
    const refused = await gateway.call('GET', '/api/me', { as: text });
    t.match(
      refused,
      { status: 401, body: { code: 'invalid_api_key' } },
      'without a dot it is taken for a key',
    );
  }
  t.notMatch(gateway.log(), signature, 'no token is logged');
});

t.test('given an API key in a URL, as Google takes it, then no log line has it', async (t) => {
  const gateway = await createTestGateway(t, {
    addRoutes: (app) => {
      serveOperation(app, listGeminiModels, async () => ({ models: [] }));
      serveOperation(app, countContentTokens, async () => {
        throw new Error('It fails.');
      });
    },
  });
  const { access_token: as } = await signUp(gateway, 'ada');
  const created = await gateway.call('POST', '/api/api-keys', { as, body: { name: 'Google' } });
  const { key } = created.body;
  const countOf = `/v1beta/models/gpt-4o:countTokens?key=${key}`;
  const contents = [{ parts: [{ text: 'hi' }] }];
  const rows: [status: number, method: 'GET' | 'POST', path: string, body?: object][] = [
    [200, 'GET', `/v1beta/models?key=${key}`],
    [401, 'GET', `/v1beta/models?key=${key}x`],
    [401, 'GET', `/v1beta/models?key=${key}&key=${key}`],
    [404, 'GET', `/v1beta/nowhere?key=${key}`],
    [401, 'GET', `/api/me?key=${key}`],
    [400, 'POST', countOf, { contents: 7 }],
    [500, 'POST', countOf, { contents }],
  ];
  for (const [status, method, path, body] of rows) {
    const { statusCode, body: text } = await gateway.app.inject({
      method,
      url: path,
      ...(body && { payload: body }),
    });
    t.equal(statusCode, status, `${method} ${path}`);
    t.notOk(text.includes(key), 'no answer has it');
  }
  t.match(gateway.log(), /request failed/);
  t.notOk(gateway.log().includes(key.slice(key.lastIndexOf('_') + 1)), 'no log line has any part of it');
});

t.test('given a token, it works until it expires, remembered or not', async (t) => {
  const gateway = await createTestGateway(t);
  const other = await createTestGateway(t, { sharedWith: gateway });
  const { access_token: as } = await signUp(gateway, 'ada');
  gateway.clock.advance(15 * 60 * 1000 - 1);
  t.equal((await gateway.call('GET', '/api/me', { as })).status, 200);
  gateway.clock.advance(1);
  for (const each of [gateway, other]) {
    t.match(await each.call('GET', '/api/me', { as }), {
      status: 401,
      body: { code: 'token_expired' },
      headers: { 'www-authenticate': /invalid_token/ },
    });
  }
});

t.test('given several signing keys, the first signs and all verify', async (t) => {
  const [first, second] = [privateJwk('P-256', 'new'), TEST_JWK];
  const before = await createTestGateway(t);
  const ada = await signUp(before, 'ada');
  const after = await createTestGateway(t, {
    sharedWith: before,
    variables: { JWT_KEYS: JSON.stringify([first, second]) },
  });
  t.equal((await after.call('GET', '/api/me', { as: ada.access_token })).status, 200);
  const { body } = await after.call('POST', '/api/auth/refresh', {
    body: { refresh_token: ada.refresh_token },
  });
  t.match(JSON.parse(Buffer.from(body.access_token.split('.')[0], 'base64url').toString()), {
    alg: 'ES256',
    kid: 'new',
  });
  t.equal((await after.call('GET', '/api/me', { as: body.access_token })).status, 200);
  t.match(await before.call('GET', '/api/me', { as: body.access_token }), {
    body: { code: 'invalid_token' },
  });

  const { body: published } = await after.call('GET', '/.well-known/jwks.json');
  t.match(published.keys, [
    { kid: 'new', alg: 'ES256', kty: 'EC', use: 'sig' },
    { kid: 'test-1', alg: 'EdDSA', kty: 'OKP', use: 'sig' },
  ]);
  t.notMatch(JSON.stringify(published), /"d":/, 'and nothing private');
});

t.test('given invalid API keys, each kind gets its own problem', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const { key } = await createKey(gateway, as);
  const unknown = generateApiKey();
  const queries = countQueries(gateway);
  for (const wrong of ['ik_live_', 'ik_test_x', `${key}x`, `${key} or 1=1`.replaceAll(' ', '_')]) {
    t.match(
      await gateway.call('GET', '/api/me', { as: wrong }),
      { status: 401, body: { code: 'invalid_api_key' } },
      wrong,
    );
  }
  t.equal(queries(), 0, 'what cannot be a key is not looked up');
  const wrongSecret = key.slice(0, -32) + unknown.secret;
  t.match(await gateway.call('GET', '/api/me', { as: wrongSecret }), { body: { code: 'invalid_api_key' } });
  for (let index = 0; index < 10; index++) {
    t.match(await gateway.call('GET', '/api/me', { as: unknown.text }), {
      body: { code: 'invalid_api_key' },
    });
  }
  t.equal(queries(), 2, 'one for each id');
  t.notMatch(gateway.log(), unknown.secret);
  t.notMatch(gateway.log(), key.slice(-32));
});

t.test('given 5 000 requests with keys, each key is looked up once', async (t) => {
  const gateway = await createTestGateway(t, {
    listener: deafListener(() => true),
    addRoutes: (app) => app.get('/authenticated', { config: { auth: 'user', scope: 'any' } }, async () => ''),
  });
  const { access_token: as } = await signUp(gateway, 'ada');
  const keys: string[] = [];
  for (let index = 0; index < 5; index++) keys.push((await createKey(gateway, as)).key);
  const queries = countQueries(gateway);
  const statuses = await Promise.all(
    Array.from({ length: 5_000 }, async (_, index) => {
      const headers = { 'x-api-key': keys[index % keys.length] ?? '' };
      return (await gateway.app.inject({ url: '/authenticated', headers })).statusCode;
    }),
  );
  t.ok(statuses.every((status) => status === 200));
  t.equal(queries(), keys.length);

  // and when tokens are sent, each is looked up once as well
  for (let index = 0; index < 100; index++) {
    await gateway.app.inject({ url: '/authenticated', headers: { authorization: `Bearer ${as}` } });
  }
  t.equal(queries(), keys.length, 'signing up had it remembered');

  await gateway.jobs[0]?.runOnce();
  await gateway.jobs[0]?.runOnce();
  t.equal(queries(), keys.length + 1, 'one write for all last uses');
  const { rows } = await gateway.database.pool.query('select distinct last_used_at from api_keys');
  t.strictSame(rows, [{ last_used_at: gateway.clock.now() }]);
});

t.test('given notifications that may be lost, a key is remembered for a second at most', async (t) => {
  let isConnected = true;
  const gateway = await createTestGateway(t, { listener: deafListener(() => isConnected) });
  const { access_token: as } = await signUp(gateway, 'ada');
  const { id, key } = await createKey(gateway, as);
  const statusOf = async (text: string) => (await gateway.call('GET', '/api/me', { as: text })).status;
  t.equal(await statusOf(key), 200);
  isConnected = false;
  t.equal((await gateway.call('DELETE', `/api/api-keys/${id}`, { as })).status, 204);
  gateway.clock.advance(999);
  t.equal(await statusOf(key), 200, 'not noticed yet');
  gateway.clock.advance(1);
  t.equal(await statusOf(key), 401);
});

t.test('given a suspended account, all its credentials say so at once', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token, accountId } = await signUp(gateway, 'ada');
  const { key } = await createKey(gateway, access_token);
  const set = async (status: string) => {
    const heard = gateway.nextChange();
    await gateway.database.pool.query('update accounts set status = $1', [status]);
    await gateway.database.pool.query(`select pg_notify('inkmeter', $1)`, [
      JSON.stringify({ kind: 'account', id: accountId }),
    ]);
    await heard;
  };
  const codes = async () =>
    Promise.all(
      [access_token, key].map(async (as) => (await gateway.call('GET', '/api/me', { as })).body.code ?? 'ok'),
    );
  t.strictSame(await codes(), ['ok', 'ok']);
  await set('suspended');
  t.strictSame(await codes(), ['account_suspended', 'account_suspended']);
  await set('deleted');
  t.strictSame(await codes(), ['invalid_token', 'invalid_api_key']);
  await set('active');
  t.strictSame(await codes(), ['ok', 'ok']);
});

t.test('given routes for staff, readers read and admins change', async (t) => {
  const gateway = await createTestGateway(t, {
    addRoutes(app) {
      app.route({
        method: ['GET', 'POST'],
        url: '/staff',
        config: { auth: 'staff' },
        handler: async () => 'done',
      });
      app.get('/unsaid', async (request) => request.caller.scopes);
    },
  });
  const { access_token: as, userId } = await signUp(gateway, 'ada');
  const statuses = async (platformRole: string) => {
    const heard = gateway.nextChange();
    await gateway.database.pool.query('update users set platform_role = $1', [platformRole]);
    await gateway.database.pool.query(`select pg_notify('inkmeter', $1)`, [
      JSON.stringify({ kind: 'user', id: userId }),
    ]);
    await heard;
    const answers = [
      await gateway.call('GET', '/staff', { as }),
      await gateway.call('POST', '/staff', { as }),
    ];
    return answers.map(({ status }) => status);
  };
  t.strictSame(await statuses('none'), [403, 403]);
  t.strictSame(await statuses('support'), [200, 403]);
  t.strictSame(await statuses('admin'), [200, 200]);

  const { key } = await createKey(gateway, as, { scopes: ['*'] });
  t.equal((await gateway.call('GET', '/staff', { as: key })).status, 403, 'a key is never staff');
  t.equal((await gateway.call('GET', '/unsaid')).status, 401, 'a route that says nothing is closed');
  const narrow = await createKey(gateway, as);
  t.equal((await gateway.call('GET', '/unsaid', { as: narrow.key })).status, 403);
  t.equal((await gateway.call('GET', '/unsaid', { as: key })).status, 200);
});
