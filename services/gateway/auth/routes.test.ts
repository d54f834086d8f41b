import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { refreshTokens, users } from '#libs/db/schema/gateway.ts';
import { createTestGateway, signUp, TEST_PASSWORD } from '../fixtures.ts';

t.test('when a user signs up, they own an account and are signed in', async (t) => {
  const gateway = await createTestGateway(t);
  const answer = await gateway.call('POST', '/api/auth/register', {
    body: { email: ' Ada@Example.com ', password: TEST_PASSWORD, account_name: 'Engines' },
  });
  t.equal(answer.status, 201);
  t.match(answer.body, { token_type: 'Bearer', expires_in: 900, refresh_expires_in: 2_592_000 });
  t.match(answer.headers, { 'cache-control': 'no-store' });

  const me = await gateway.call('GET', '/api/me', { as: answer.body.access_token });
  t.match(me.body, {
    user: { email: 'Ada@Example.com', name: null, platform_role: 'none' },
    account: { name: 'Engines', status: 'active' },
    role: 'owner',
    scopes: ['*'],
    api_key_id: null,
  });

  const db = createDatabase(gateway.database.pool);
  const [user] = await db.select().from(users);
  t.match(user, { emailNormalised: 'ada@example.com', passwordHash: /^\$argon2id\$/ });
  const [token] = await db.select().from(refreshTokens);
  t.not(token?.tokenHash, answer.body.refresh_token, 'stored hashed');

  const again = await gateway.call('POST', '/api/auth/register', {
    body: { email: 'ADA@example.COM', password: 'another password' },
  });
  t.match(again, { status: 409, body: { code: 'email_taken' } });
  t.notMatch(JSON.stringify(again.body), /ada/i, 'says nothing about who has it');
});

t.test('given a user, a failed login does not reveal why', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const login = (body: object) => gateway.call('POST', '/api/auth/login', { body });

  const right = await login({ email: 'ADA@example.com', password: TEST_PASSWORD });
  t.equal(right.status, 200);
  t.not(right.body.refresh_token, ada.refresh_token);
  t.equal(
    (await login({ email: ada.email, password: TEST_PASSWORD, account_id: ada.accountId })).status,
    200,
  );

  const wrongPassword = await login({ email: ada.email, password: 'wrong' });
  const unknown = await login({ email: 'unknown@example.com', password: 'wrong' });
  t.match(wrongPassword, { status: 401, body: { code: 'invalid_credentials' } });
  t.strictSame(
    { ...unknown.body, request_id: '' },
    { ...wrongPassword.body, request_id: '' },
    'an unknown address looks the same',
  );

  const elsewhere = await login({ email: ada.email, password: TEST_PASSWORD, account_id: gateway.newId() });
  t.match(elsewhere, { status: 403, body: { code: 'role_required' } });

  await gateway.database.pool.query(`update accounts set status = 'suspended'`);
  t.match(await login({ email: ada.email, password: TEST_PASSWORD }), {
    status: 403,
    body: { code: 'account_suspended' },
  });
});

t.test('given a session, its refresh token rotates', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const refresh = (refresh_token: string) =>
    gateway.call('POST', '/api/auth/refresh', { body: { refresh_token } });

  const second = await refresh(ada.refresh_token);
  t.equal(second.status, 200);
  t.equal((await gateway.call('GET', '/api/me', { as: second.body.access_token })).status, 200);

  await t.test('when a used one comes again after seconds, the whole session ends', async (t) => {
    gateway.clock.advance(10_001);
    const heard = gateway.nextChange();
    t.match(await refresh(ada.refresh_token), { status: 401, body: { code: 'refresh_token_reused' } });
    await heard;
    t.match(await refresh(second.body.refresh_token), {
      status: 401,
      body: { code: 'refresh_token_invalid' },
    });
    for (const token of [ada.access_token, second.body.access_token]) {
      t.match(await gateway.call('GET', '/api/me', { as: token }), {
        status: 401,
        body: { code: 'invalid_token' },
      });
    }
    t.match(gateway.log(), /"audit":"session.refresh_reused"/);
  });

  await t.test('other sessions of the user continue', async (t) => {
    const { body } = await gateway.call('POST', '/api/auth/login', {
      body: { email: ada.email, password: TEST_PASSWORD },
    });
    t.match(await refresh(ada.refresh_token), { body: { code: 'refresh_token_reused' } });
    t.equal((await refresh(body.refresh_token)).status, 200);
  });

  t.match(await refresh('irt_unknown'), { status: 401, body: { code: 'refresh_token_invalid' } });
});

t.test('given two tabs that refresh at once, both stay signed in', async (t) => {
  const gateway = await createTestGateway(t);
  const { refresh_token } = await signUp(gateway, 'ada');
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => gateway.call('POST', '/api/auth/refresh', { body: { refresh_token } })),
  );
  t.strictSame(
    answers.map(({ status }) => status),
    Array.from({ length: 8 }, () => 200),
  );
  for (const { body } of answers) {
    t.equal((await gateway.call('GET', '/api/me', { as: body.access_token })).status, 200);
  }
  const tokens = new Set(answers.map(({ body }) => body.refresh_token));
  t.equal(tokens.size, 8, 'each with a token of its own');

  gateway.clock.advance(10_000);
  const refresh = (token: string) =>
    gateway.call('POST', '/api/auth/refresh', { body: { refresh_token: token } });
  t.equal((await refresh(refresh_token)).status, 200, 'also after a lost response');
  gateway.clock.advance(1);
  t.match(await refresh(refresh_token), { status: 401, body: { code: 'refresh_token_reused' } });
  for (const token of tokens) t.match(await refresh(token), { body: { code: 'refresh_token_invalid' } });
});

t.test('given an expired refresh token, one has to log in again', async (t) => {
  const gateway = await createTestGateway(t, { variables: { REFRESH_TOKEN_TTL: '1h' } });
  const { refresh_token } = await signUp(gateway, 'ada');
  gateway.clock.advance(60 * 60 * 1000);
  t.match(await gateway.call('POST', '/api/auth/refresh', { body: { refresh_token } }), {
    status: 401,
    body: { code: 'refresh_token_invalid' },
  });
  gateway.clock.advance(24 * 60 * 60 * 1000 + 1);
  await gateway.runTask('delete-expired-refresh-tokens');
  const { rowCount } = await gateway.database.pool.query('select from refresh_tokens');
  t.equal(rowCount, 0, 'and in the end it is forgotten');
});

t.test('given a suspended account, a session neither goes on nor is lost', async (t) => {
  const gateway = await createTestGateway(t);
  const { refresh_token } = await signUp(gateway, 'ada');
  const refresh = () => gateway.call('POST', '/api/auth/refresh', { body: { refresh_token } });
  await gateway.database.pool.query(`update accounts set status = 'suspended'`);
  t.match(await refresh(), { status: 403, body: { code: 'account_suspended' } });
  await gateway.database.pool.query(`update accounts set status = 'active'`);
  t.equal((await refresh()).status, 200);
});

t.test('given a session, when it logs out, its tokens stop working on every gateway', async (t) => {
  const gateway = await createTestGateway(t);
  const other = await createTestGateway(t, { sharedWith: gateway });
  const ada = await signUp(gateway, 'ada');
  t.equal((await other.call('GET', '/api/me', { as: ada.access_token })).status, 200);

  const heard = [gateway.nextChange(), other.nextChange()];
  const body = { refresh_token: ada.refresh_token };
  t.equal((await gateway.call('POST', '/api/auth/logout', { body })).status, 204);
  await Promise.all(heard);
  for (const each of [gateway, other]) {
    t.match(await each.call('GET', '/api/me', { as: ada.access_token }), {
      status: 401,
      body: { code: 'invalid_token' },
    });
  }
  t.match(await gateway.call('POST', '/api/auth/refresh', { body }), {
    body: { code: 'refresh_token_invalid' },
  });
  t.equal((await gateway.call('POST', '/api/auth/logout', { body })).status, 204, 'twice is no error');
  t.equal(
    (await gateway.call('POST', '/api/auth/logout', { body: { refresh_token: 'unknown' } })).status,
    204,
  );
});

t.test('given a user, they change their name and password', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const change = (body: object) => gateway.call('PATCH', '/api/me', { as: ada.access_token, body });

  gateway.clock.advance(1_000);
  const renamed = await change({ name: 'Ada L.' });
  t.match(renamed, { status: 200, body: { user: { name: 'Ada L.' } } });
  const { created_at, updated_at } = renamed.body.user;
  t.equal(Date.parse(updated_at) - Date.parse(created_at), 1_000);
  t.match(await change({ current_password: 'wrong', new_password: 'a new password' }), {
    status: 401,
    body: { code: 'invalid_credentials' },
  });
  t.match(await change({ new_password: 'a new password' }), {
    status: 400,
    body: { code: 'invalid_request', param: 'current_password' },
  });
  t.equal((await change({})).status, 400);

  const heard = gateway.nextChange();
  t.equal((await change({ current_password: TEST_PASSWORD, new_password: 'a new password' })).status, 200);
  await heard;
  t.match(await gateway.call('GET', '/api/me', { as: ada.access_token }), {
    body: { code: 'invalid_token' },
  });
  t.match(await gateway.call('POST', '/api/auth/refresh', { body: { refresh_token: ada.refresh_token } }), {
    body: { code: 'refresh_token_invalid' },
  });
  const login = (password: string) =>
    gateway.call('POST', '/api/auth/login', { body: { email: ada.email, password } });
  t.equal((await login(TEST_PASSWORD)).status, 401);
  t.equal((await login('a new password')).status, 200);
});
