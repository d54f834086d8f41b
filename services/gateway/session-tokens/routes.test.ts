import t from 'tap';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { WORKSPACE_HEADER } from '#libs/contracts/workspaces.ts';
import { problem } from '#libs/problems/problems.ts';
import { createKey, createTestGateway, signUp } from '../fixtures.ts';
import { keyNameOf } from '../idempotency/domain.ts';
import { withinSession } from '../metering/domain/session-models.ts';
import type { SetEndUserLimits } from './domain.ts';

const PATH = '/api/session-tokens';
const CHAT = '/v1/chat/completions';
const ORIGIN = 'https://app.example.com';

t.test('given an API key of a partner', async (t) => {
  const set: Parameters<SetEndUserLimits>[0][] = [];
  let isBillingAway = false;
  const gateway = await createTestGateway(t, {
    async setEndUserLimits(user) {
      if (isBillingAway) throw problem('service_unavailable');
      set.push(user);
    },
    // As the metering pipeline would see the caller.
    addRoutes: (app) => {
      for (const url of [CHAT, '/v1/embeddings'])
        app.post(url, { config: { auth: 'user', scope: 'generate' } }, async ({ caller }) => caller);
    },
  });
  const { call, app, clock, database, nextChange } = gateway;
  const owner = await signUp(gateway, 'ada');
  const { id: keyId, key } = await createKey(gateway, owner.access_token, { scopes: ['generate'] });
  const mint = (body: object = {}, as = key) =>
    call('POST', PATH, { as, body: { end_user: 'c-1', ...body } });
  const use = (token: string, url = CHAT, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      headers: { authorization: `Bearer ${token}`, ...headers },
      payload: {},
    });

  await t.test('when it makes a token, then the end user generates under an id of their own', async (t) => {
    const { status, body } = await mint();
    t.equal(status, 201);
    t.match(body, {
      token: /^ik_session_\w{16}_\w{32}$/,
      end_user: 'c-1',
      limits: [],
      models: null,
      expires_at: new Date(clock.now().getTime() + 900_000).toISOString(),
    });
    t.match((await use(body.token)).json(), {
      accountId: owner.accountId,
      userId: body.user_id,
      keyId,
      role: 'member',
      platformRole: 'none',
      scopes: ['generate'],
    });
    const inHeader = await app.inject({
      method: 'POST',
      url: CHAT,
      headers: { 'x-api-key': body.token },
      payload: {},
    });
    t.equal(inHeader.statusCode, 200);
    t.equal((await mint()).body.user_id, body.user_id, 'the same for each of their tokens');
    t.not((await mint({ end_user: 'c-2' })).body.user_id, body.user_id);
    const { rows } = await database.pool.query('SELECT secret_hash FROM session_tokens LIMIT 1');
    t.match(rows[0].secret_hash, /^[0-9a-f]{64}$/);
  });

  await t.test('then the token makes no further tokens and reaches no route of the account', async (t) => {
    const { token, id } = (await mint()).body;
    const refused: [string, string, object?][] = [
      ['POST', PATH, { end_user: 'c-1' }],
      ['DELETE', `${PATH}/${id}`],
      ['GET', '/api/me'],
      ['GET', '/api/api-keys'],
      ['POST', '/api/api-keys', { name: 'x' }],
      ['GET', '/api/members'],
      ['GET', '/api/workspaces'],
    ];
    for (const [method, path, body] of refused) {
      const answer = await call(method as 'GET', path, { as: token, ...(body && { body }) });
      t.match(answer, { status: 403, body: { code: 'insufficient_scope' } }, `${method} ${path}`);
    }
    t.equal((await use(token, CHAT, { [WORKSPACE_HEADER]: keyId })).statusCode, 403);
    t.equal((await use(`${token.slice(0, -1)}1`)).statusCode, 401);
    t.equal((await use('ik_session_unknown')).statusCode, 401);
  });

  await t.test('then only keys that generate make tokens, from valid requests', async (t) => {
    t.equal((await call('POST', PATH, { body: { end_user: 'x' } })).status, 401);
    t.match(await mint({}, owner.access_token), { status: 403, body: { code: 'insufficient_scope' } });
    const reader = await createKey(gateway, owner.access_token, { scopes: ['usage:read'] });
    t.equal((await mint({}, reader.key)).status, 403);
    for (const body of [
      { end_user: '' },
      { end_user: 'ü' },
      { ttl_seconds: 901 },
      { operations: ['createApiKey'] },
      { origins: ['https://app.example.com/path'] },
      { models: [] },
      { limits: [{ meter: 'cost', window: 'day', amount: { kind: 'limited', value_usd: 5 } }] },
      { scopes: ['*'] },
    ]) {
      t.equal((await mint(body)).status, 400, JSON.stringify(body));
    }
    t.equal((await mint({ end_user: 'x'.repeat(3_000_000) })).status, 413);
  });

  await t.test('when limits are given, then they are in force before the token exists', async (t) => {
    const limits = [
      { meter: 'cost', window: 'day', amount: { kind: 'limited', value_usd: '0.50' } },
      { meter: 'api.requests', window: 'day', amount: { kind: 'limited', value: '20' } },
    ];
    const { body } = await mint({ end_user: 'c-3', limits });
    t.match(set, [
      {
        accountId: owner.accountId,
        userId: body.user_id,
        isNew: true,
        limits: [
          { meter: 'cost', window: 'day', amount: 500_000_000n },
          { meter: 'api.requests', window: 'day', amount: 20n },
        ],
      },
    ]);
    t.match((await mint({ end_user: 'c-3' })).body.limits, limits, 'they stay');
    await mint({ end_user: 'c-3', limits: limits.toReversed() });
    t.equal(set.length, 1, 'the same limits cost nothing');
    await mint({ end_user: 'c-3', limits: [] });
    t.match(set[1], { isNew: false, limits: [] });

    isBillingAway = true;
    t.equal((await mint({ end_user: 'c-4', limits })).status, 503);
    isBillingAway = false;
    const { rows } = await database.pool.query(`SELECT FROM end_users WHERE external_id = 'c-4'`);
    t.equal(rows.length, 0);
  });

  await t.test('when a token is restricted, then nothing else is possible', async (t) => {
    const { token } = (await mint({ operations: ['createChatCompletion'], origins: [ORIGIN] })).body;
    const answer = await use(token, CHAT, { origin: ORIGIN });
    t.match(answer, { statusCode: 200, headers: { 'access-control-allow-origin': ORIGIN, vary: 'Origin' } });
    t.equal((await use(token)).statusCode, 403, 'no origin');
    const elsewhere = await use(token, CHAT, { origin: 'https://evil.example' });
    t.match(elsewhere, {
      statusCode: 403,
      headers: { 'access-control-allow-origin': 'https://evil.example' },
    });
    t.equal((await use(token, '/v1/embeddings', { origin: ORIGIN })).statusCode, 403);

    const preflight = (headers: Record<string, string>) =>
      app.inject({ method: 'OPTIONS', url: CHAT, headers: { origin: ORIGIN, ...headers } });
    const allowed = await preflight({
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    });
    t.match(allowed, {
      statusCode: 204,
      headers: {
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'authorization,content-type',
      },
    });
    const other = await preflight({ 'access-control-request-method': 'DELETE' });
    t.notOk(other.headers['access-control-allow-origin']);
    t.notOk(
      (await use(key, CHAT, { origin: ORIGIN })).headers['access-control-allow-origin'],
      'not for keys',
    );

    const caller = (
      await use((await mint({ models: ['gpt-4o-mini', 'openai/dall-e-3'] })).body.token)
    ).json();
    const plan = (model: string) =>
      ({
        calls: [
          { step: 'image', provider: 'openai', model },
          { step: 'safety', provider: 'openai', model: 'omni-moderation-latest' },
        ],
      }) as never;
    for (const model of ['gpt-4o-mini', 'dall-e-3']) t.doesNotThrow(() => withinSession(caller, plan(model)));
    t.throws(() => withinSession(caller, plan('gpt-4.1')), { code: 'insufficient_scope' });
    const callOf = (model: string) => ({ step: 'chat', provider: 'openai', model }) as PlannedCall;
    const fallbacks = [callOf('gpt-4.1'), callOf('dall-e-3')];
    const [restricted] = withinSession(caller, { calls: [{ ...callOf('gpt-4o-mini'), fallbacks }] }).calls;
    t.strictSame(restricted?.fallbacks, [callOf('dall-e-3')], 'the other fallbacks are left out');
  });

  await t.test('when it expires, is revoked, or its key is, then it stops working', async (t) => {
    const short = (await mint({ ttl_seconds: 60 })).body.token;
    clock.advance(59_999);
    t.equal((await use(short)).statusCode, 200);
    clock.advance(1);
    t.match((await use(short)).json(), { error: { problem_code: 'token_expired' } });

    const revoked = (await mint()).body;
    t.equal((await use(revoked.token)).statusCode, 200);
    const other = await signUp(gateway, 'eve');
    const otherKey = await createKey(gateway, other.access_token);
    t.equal((await call('DELETE', `${PATH}/${revoked.id}`, { as: otherKey.key })).status, 404);
    const change = nextChange();
    t.equal((await call('DELETE', `${PATH}/${revoked.id}`, { as: key })).status, 204);
    await change;
    t.equal((await use(revoked.token)).statusCode, 401);

    const orphan = (await mint()).body.token;
    t.equal((await use(orphan)).statusCode, 200);
    const keyChange = nextChange();
    await call('DELETE', `/api/api-keys/${keyId}`, { as: owner.access_token });
    await keyChange;
    t.equal((await use(orphan)).statusCode, 401);

    clock.advance(25 * 3_600_000);
    await gateway.runTask('delete-expired-session-tokens');
    t.equal((await database.pool.query('SELECT FROM session_tokens')).rowCount, 0);
  });
});

t.test('end users of one key have idempotency keys of their own', (t) => {
  const session = { models: null, operations: null, origins: null };
  const caller = {
    accountId: 'a',
    keyId: 'k',
    workspaceId: null,
    role: 'member',
    platformRole: 'none',
    scopes: [],
  } as const;
  const nameOf = (userId: string) => keyNameOf({ caller: { ...caller, userId, session }, key: '1' }).key;
  t.not(nameOf('u1'), nameOf('u2'));
  t.equal(keyNameOf({ caller: { ...caller, userId: null }, key: '1' }).key, 'k:1');
  t.end();
});
