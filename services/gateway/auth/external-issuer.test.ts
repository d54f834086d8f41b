import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import type { TestScope } from '#libs/testing/database.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createTestGateway, signUp, type TestGateway } from '../fixtures.ts';

const AUDIENCE = 'inkmeter-frontend';
const ISSUER = 'https://login.example/';

/** An external issuer that serves its key set over HTTP. */
async function createOutside(t: TestScope) {
  const makeKey = async (kid: string) => {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
  };
  const key = await makeKey('one');
  const state = { fetches: 0, status: 200, body: JSON.stringify({ keys: [key.jwk] }) };
  const url = await listenServerOnFreePort(
    t,
    createServer((_request, response) => {
      state.fetches += 1;
      response.writeHead(state.status, { 'content-type': 'application/json' }).end(state.body);
    }),
  );
  return {
    key,
    makeKey,
    state,
    variables: {
      EXTERNAL_ISSUER_URL: ISSUER,
      EXTERNAL_ISSUER_JWKS_URL: `${url}/keys`,
      EXTERNAL_ISSUER_AUDIENCE: AUDIENCE,
    },
  };
}

type Outside = Awaited<ReturnType<typeof createOutside>>;

function sign({ clock }: TestGateway, { key }: Outside, changes: object = {}, signer = key): Promise<string> {
  const seconds = Math.floor(clock.now().getTime() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'auth|1', exp: seconds + 3600, ...changes };
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: signer.kid }).sign(signer.privateKey);
}

t.test('given an external issuer, its users get an account with their first request', async (t) => {
  const outside = await createOutside(t);
  const gateway = await createTestGateway(t, { variables: outside.variables });
  const other = await createTestGateway(t, { sharedWith: gateway, variables: outside.variables });
  const claims = { email: 'grace@example.com', email_verified: true, name: 'Grace\u0000' };
  const token = await sign(gateway, outside, claims);

  // when their first requests come together, on two gateways, with different tokens
  const tokens = await Promise.all(
    Array.from({ length: 4 }, (_, jti) => sign(gateway, outside, { ...claims, jti: `${jti}` })),
  );
  const answers = await Promise.all(
    [token, ...tokens].map((as, index) => (index % 2 ? other : gateway).call('GET', '/api/me', { as })),
  );
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  const [me] = answers.map(({ body }) => body);
  t.match(me, { user: { email: 'grace@example.com', name: 'Grace' }, role: 'owner', scopes: ['*'] });
  t.equal(new Set(answers.map(({ body }) => body.account.id)).size, 1, 'one account for one user');
  t.ok(outside.state.fetches <= 2, 'each gateway read the keys once');

  const keyed = await gateway.call('POST', '/api/api-keys', { as: token, body: { name: 'Key' } });
  t.equal(keyed.status, 201, 'and they can do what owners do');

  await t.test('another user of the issuer gets another account', async (t) => {
    const another = await gateway.call('GET', '/api/me', {
      as: await sign(gateway, outside, { sub: 'auth|2' }),
    });
    t.equal(another.status, 200);
    t.not(another.body.account.id, me.account.id);
    t.match(another.body.user.email, /@outside\.invalid$/);
  });
});

t.test('given the address of an existing user, the external user stays a separate user', async (t) => {
  const outside = await createOutside(t);
  const gateway = await createTestGateway(t, { variables: outside.variables });
  const ada = await signUp(gateway, 'ada');
  for (const email_verified of [true, false]) {
    const claims = { email: 'ADA@example.com', email_verified, sub: `auth|${email_verified}` };
    const { body } = await gateway.call('GET', '/api/me', { as: await sign(gateway, outside, claims) });
    t.not(body.account.id, ada.accountId);
    t.match(body.user.email, /@outside\.invalid$/);
  }
});

t.test('given tokens that are not for us, they are refused', async (t) => {
  const outside = await createOutside(t);
  const gateway = await createTestGateway(t, { variables: outside.variables });
  const imposter = { ...(await outside.makeKey('one')) };
  const nowSeconds = Math.floor(gateway.clock.now().getTime() / 1000);
  const cases: [string, string, string][] = [
    ['another audience', await sign(gateway, outside, { aud: 'elsewhere' }), 'invalid_token'],
    ['no audience', await sign(gateway, outside, { aud: undefined }), 'invalid_token'],
    ['another issuer', await sign(gateway, outside, { iss: 'https://login.example' }), 'invalid_token'],
    ['expired', await sign(gateway, outside, { exp: nowSeconds - 60 }), 'token_expired'],
    ['not yet', await sign(gateway, outside, { nbf: nowSeconds + 60 }), 'invalid_token'],
    ['no expiry', await sign(gateway, outside, { exp: undefined }), 'invalid_token'],
    ['no subject', await sign(gateway, outside, { sub: undefined }), 'invalid_token'],
    ['a subject too long', await sign(gateway, outside, { sub: 'x'.repeat(300) }), 'invalid_token'],
    ['another key under the same id', await sign(gateway, outside, {}, imposter), 'invalid_token'],
  ];
  for (const [name, as, code] of cases) {
    t.match(await gateway.call('GET', '/api/me', { as }), { status: 401, body: { code } }, name);
  }
  const { rowCount } = await gateway.database.pool.query('select from users');
  t.equal(rowCount, 0, 'no user was created');

  const fetchesBefore = outside.state.fetches;
  for (let index = 0; index < 20; index++) {
    const unknownKey = { ...imposter, kid: `unknown-${index}` };
    const as = await sign(gateway, outside, {}, unknownKey);
    t.equal((await gateway.call('GET', '/api/me', { as })).status, 401);
  }
  t.ok(outside.state.fetches - fetchesBefore <= 1, 'unknown key ids do not make us ask again and again');
});

t.test('given an issuer that does not answer, that is not the fault of the token', async (t) => {
  const outside = await createOutside(t);
  const gateway = await createTestGateway(t, { variables: outside.variables });
  const as = await sign(gateway, outside);
  const refused = { status: 503, body: { code: 'service_unavailable' }, headers: { 'retry-after': '2' } };
  outside.state.status = 500;
  for (let index = 0; index < 5; index++) t.match(await gateway.call('GET', '/api/me', { as }), refused);
  t.equal(outside.state.fetches, 1, 'we do not press it');

  outside.state.status = 200;
  for (const body of ['nonsense', '{}', JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) })]) {
    gateway.clock.advance(2_000);
    const good = outside.state.body;
    outside.state.body = body;
    t.match(await gateway.call('GET', '/api/me', { as }), refused, body.slice(0, 20));
    outside.state.body = good;
  }
  gateway.clock.advance(2_000);
  t.equal((await gateway.call('GET', '/api/me', { as })).status, 200);
});

t.test('given no outside issuer, its tokens are nothing', async (t) => {
  const outside = await createOutside(t);
  const gateway = await createTestGateway(t);
  t.match(await gateway.call('GET', '/api/me', { as: await sign(gateway, outside) }), {
    status: 401,
    body: { code: 'invalid_token' },
  });
});
