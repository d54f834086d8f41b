/** What one client can do to the others: guesses of passwords, floods of sign-ups, and bodies that are dear to parse. */
import t from 'tap';
import { createTestGateway, TEST_PASSWORD, type TestGateway } from '../fixtures.ts';

const behindProxy = { TRUST_PROXY: '127.0.0.1' };
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

function login(gateway: TestGateway, email: string, address: string, password = 'guess') {
  return gateway.call('POST', '/api/auth/login', { body: { email, password }, ...from(address) });
}

t.test('given guesses from one address, then it is throttled for that user and as a source', async (t) => {
  const variables = { ...behindProxy, RATE_LIMIT_SIGN_INS: '5', RATE_LIMIT_PASSWORDS: '3' };
  const gateway = await createTestGateway(t, { variables });
  for (let guess = 0; guess < 3; guess += 1) {
    t.equal((await login(gateway, 'ada@example.com', '10.0.0.1')).status, 401);
  }
  t.match(await login(gateway, 'ADA@example.com', '10.0.0.1'), {
    status: 429,
    body: { code: 'rate_limited', policy: 'passwords', max_requests: 3, window_seconds: 300 },
    headers: { 'retry-after': /^\d+$/, ratelimit: /^"passwords";r=0;t=\d+$/ },
  });
  t.equal((await login(gateway, 'bob@example.com', '10.0.0.1')).status, 401);
  t.match(await login(gateway, 'bob@example.com', '10.0.0.1'), { status: 429, body: { policy: 'sign-ins' } });
  t.equal((await login(gateway, 'ada@example.com', '10.0.0.2')).status, 401);
});

t.test('given guesses from many addresses, then the owner still signs in', async (t) => {
  const gateway = await createTestGateway(t, {
    variables: { ...behindProxy, RATE_LIMIT_PASSWORDS: '2' },
  });
  const ada = { email: 'ada@example.com', password: TEST_PASSWORD };
  t.equal((await gateway.call('POST', '/api/auth/register', { body: ada, ...from('10.1.1.1') })).status, 201);
  t.equal((await login(gateway, ada.email, '10.1.1.1', ada.password)).status, 200);
  const statuses: number[] = [];
  for (let guess = 0; guess < 25; guess += 1) {
    statuses.push((await login(gateway, ada.email, `10.2.${guess}.1`)).status);
  }
  t.equal(statuses.filter((status) => status === 401).length, 19, 'with the one of the owner, 20 checks');
  t.equal(statuses.at(-1), 429);
  t.equal((await login(gateway, ada.email, '10.1.1.1', ada.password)).status, 200);
});

t.test('given malformed and oversized requests, then they count before they are parsed', async (t) => {
  const gateway = await createTestGateway(t, { variables: { RATE_LIMIT_SIGN_INS: '3' } });
  const send = (payload: string) =>
    gateway.app.inject({
      method: 'POST',
      url: '/api/auth/login',
      headers: { 'content-type': 'application/json' },
      payload,
    });
  t.match((await send('{"email":5}')).json(), { code: 'invalid_request' });
  t.match((await send('{')).json(), { code: 'malformed_json' });
  t.match((await send(`"${'x'.repeat(8_192)}"`)).json(), { code: 'body_too_large' });
  t.match((await send('[')).json(), { code: 'rate_limited', policy: 'sign-ins' });
});

t.test('given every route that takes credentials, then its body has at most 8 KB', async (t) => {
  const gateway = await createTestGateway(t);
  for (const path of [
    '/api/auth/register',
    '/api/auth/login',
    '/api/auth/refresh',
    '/api/auth/logout',
    '/api/invitations/accept',
  ]) {
    const answer = await gateway.call('POST', path, { body: { token: 'x'.repeat(8_192) } });
    t.match(answer, { status: 413, body: { code: 'body_too_large' } }, path);
  }
});

t.test('given sign-ups in numbers, then network, domain and mailbox are limited', async (t) => {
  const register = async (gateway: TestGateway, email: string, address: string) => {
    const { status, body } = await gateway.call('POST', '/api/auth/register', {
      body: { email, password: TEST_PASSWORD },
      ...from(address),
    });
    return body.policy ?? status;
  };
  const variables = { ...behindProxy, RATE_LIMIT_SIGN_UPS: '2', RATE_LIMIT_SIGN_UPS_PER_DOMAIN: '3' };

  await t.test('a network', async (t) => {
    const gateway = await createTestGateway(t, { variables });
    t.equal(await register(gateway, 'a@a.test', '2001:db8:1:200::1'), 201);
    t.equal(await register(gateway, 'b@b.test', '2001:db8:1:2aa::2'), 201);
    t.equal(await register(gateway, 'c@c.test', '2001:db8:1:2ff::3'), 'sign-ups');
    t.equal(await register(gateway, 'c@c.test', '192.0.2.1'), 201);
    t.equal(await register(gateway, 'd@d.test', '192.0.2.2'), 201);
    t.equal(await register(gateway, 'e@e.test', '192.0.2.254'), 'sign-ups');
  });

  await t.test('a domain, unless it is a public provider', async (t) => {
    const gateway = await createTestGateway(t, { variables });
    for (const [index, email] of ['a@x.example.org', 'b@y.example.org', 'c@example.org'].entries()) {
      t.equal(await register(gateway, email, `10.0.${index}.1`), 201);
    }
    t.equal(await register(gateway, 'd@z.example.org', '10.0.9.1'), 'sign-ups-domain');
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) {
      t.equal(await register(gateway, `${name}@gmail.com`, `10.1.${index}.1`), 201);
    }
  });

  await t.test('a mailbox', async (t) => {
    const gateway = await createTestGateway(t, { variables });
    for (let tag = 0; tag < 5; tag += 1) {
      t.equal(await register(gateway, `a.d.a+${tag}@gmail.com`, `10.2.${tag}.1`), 201);
    }
    t.equal(await register(gateway, 'ada@googlemail.com', '10.2.9.1'), 'sign-ups-mailbox');
  });
});

t.test('given the keys of one account, then they share its rate limit', async (t) => {
  const gateway = await createTestGateway(t, { variables: { RATE_LIMIT_PER_CALLER: '10' } });
  const { body: owner } = await gateway.call('POST', '/api/auth/register', {
    body: { email: 'ada@example.com', password: TEST_PASSWORD },
  });
  const keys: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const body = { name: 'Key', scopes: ['*'] };
    keys.push((await gateway.call('POST', '/api/api-keys', { as: owner.access_token, body })).body.key);
  }
  const statuses: number[] = [];
  for (let count = 0; count < 12; count += 1) {
    statuses.push((await gateway.call('GET', '/api/me', { as: keys[count % 3] ?? '' })).status);
  }
  t.equal(statuses.filter((status) => status === 200).length, 10);
  t.strictSame(statuses.slice(-2), [429, 429]);
  t.equal(
    (await gateway.call('GET', '/api/me', { as: owner.access_token })).status,
    200,
    'but not with users',
  );
});

t.test('given NUL or unpaired surrogates anywhere, then the request is refused with 400', async (t) => {
  const gateway = await createTestGateway(t);
  const { body: owner } = await gateway.call('POST', '/api/auth/register', {
    body: { email: 'ada@example.com', password: TEST_PASSWORD },
  });
  const as = owner.access_token;
  for (const answer of [
    await gateway.call('GET', '/api/members?cursor=%00', { as }),
    await gateway.call('GET', '/api/api-keys/%00', { as }),
    await gateway.call('PATCH', '/api/me', { as, body: { name: 'a\u0000b' } }),
    await gateway.call('PATCH', '/api/me', { as, body: { name: 'a\ud800b' } }),
    await gateway.call('PATCH', '/api/me', { as, body: { '\udfff': 'x' } }),
    await gateway.call('POST', '/api/auth/login', { body: { email: '\u0000', password: '\udc00' } }),
  ]) {
    t.match(answer, { status: 400, body: { code: 'invalid_request' } });
  }
  const renamed = await gateway.call('PATCH', '/api/me', { as, body: { name: 'Ada 🙂 \\u0000' } });
  t.match(
    renamed,
    { status: 200, body: { user: { name: 'Ada 🙂 \\u0000' } } },
    'escaped backslashes are text',
  );
});
