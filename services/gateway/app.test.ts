import t from 'tap';
import { API_KEY_OPERATIONS } from '#libs/contracts/api-keys.ts';
import { EMAIL_VERIFICATION_OPERATIONS } from '#libs/contracts/email-verification.ts';
import { IDENTITY_OPERATIONS } from '#libs/contracts/identity.ts';
import { INVITATION_OPERATIONS } from '#libs/contracts/invitations.ts';
import { MEMBER_OPERATIONS } from '#libs/contracts/members.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { WORKSPACE_OPERATIONS } from '#libs/contracts/workspaces.ts';
import { createKey, createTestGateway, signUp, TEST_PASSWORD } from './fixtures.ts';

const operations: readonly Operation[] = [
  ...IDENTITY_OPERATIONS,
  ...EMAIL_VERIFICATION_OPERATIONS,
  ...API_KEY_OPERATIONS,
  ...MEMBER_OPERATIONS,
  ...INVITATION_OPERATIONS,
  ...WORKSPACE_OPERATIONS,
];
const withBody = operations.filter(({ body }) => body !== undefined);
const SOME_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';
const urlOf = ({ path }: Operation, id = SOME_ID) => path.replaceAll(/\{\w+\}/g, encodeURIComponent(id));
const methodOf = ({ method }: Operation) => method as 'GET' | 'POST' | 'PATCH' | 'DELETE';

const SQL = [
  `' or '1'='1`,
  `x'; drop table users; --`,
  `" union select * from users --`,
  '$1',
  String.raw`\'; select pg_sleep(10); --`,
  'null\u0000byte',
];

/** Every table and how many rows it has. */
const COUNT_ROWS = `select relname, (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I', relname), false, true, '')))[1]::text as n
  from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`;

t.test('given no credential, every operation that needs one refuses', async (t) => {
  const gateway = await createTestGateway(t);
  const closed = operations.filter(({ auth }) => auth !== 'none');
  t.equal(closed.length, 20);
  for (const operation of closed) {
    // Authentication comes before the body is parsed.
    const answer = await gateway.call(methodOf(operation), urlOf(operation), {
      ...(operation.body && { body: '{', headers: { 'content-type': 'application/json' } }),
    });
    t.match(answer, { status: 401, body: { code: 'unauthenticated' } }, operation.operationId);
    t.equal(answer.body.request_id, answer.headers['x-request-id']);
  }
});

t.test('given an id of another tenant or an unknown id, nothing is found', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const eve = await signUp(gateway, 'eve');
  const { id: keyId } = await createKey(gateway, ada.access_token);
  for (const operation of operations.filter(({ params }) => params !== undefined)) {
    const ids = operation.path.includes('user_id') ? [ada.userId, SOME_ID] : [keyId, SOME_ID];
    const body = operation.bodyExample;
    const answers = await Promise.all(
      ids.map((id) =>
        gateway.call(methodOf(operation), urlOf(operation, id), { as: eve.access_token, body }),
      ),
    );
    for (const answer of answers) t.match(answer, { status: 404, body: { code: 'not_found' } });
    const [theirs, nobodys] = answers.map((answer) => ({ ...answer.body, request_id: '' }));
    t.strictSame(theirs, nobodys, 'and both answers are equal');
  }
});

t.test(
  'given bodies that are broken, too large or of the wrong kind, each gets its own answer',
  async (t) => {
    const gateway = await createTestGateway(t, { variables: { BODY_LIMIT: '4kb' } });
    const { access_token: as } = await signUp(gateway, 'ada');
    const json = { 'content-type': 'application/json' };
    t.equal(withBody.length, 17);
    for (const operation of withBody) {
      const send = (body: string, headers: Record<string, string> = json) =>
        gateway.call(methodOf(operation), urlOf(operation), { as, body, headers });
      const name = operation.operationId;
      t.match(await send('{"name": '), { status: 400, body: { code: 'malformed_json' } }, name);
      t.match(await send('{"__proto__": {"role": "owner"}}'), { status: 400 }, name);
      t.match(
        await send(`{"name": "${'x'.repeat(9_000)}"}`),
        { status: 413, body: { code: 'body_too_large' } },
        name,
      );
      t.match(await send('a=b', { 'content-type': 'text/plain' }), { status: 415 }, name);
      for (const wrong of ['null', '[]', '"text"', '7', '{}', '{"unknown_field": 1}']) {
        // A rotation has only optional fields, and then its key is looked for.
        if (operation.body?.safeParse(JSON.parse(wrong)).success) continue;
        const answer = await send(wrong);
        t.match(answer, { status: 400, body: { code: 'invalid_request' } }, `${name} ${wrong}`);
      }
    }
  },
);

t.test('given SQL in every field, nothing happens to the database', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const rows = async () => JSON.stringify((await gateway.database.pool.query(COUNT_ROWS)).rows);
  const expected = await rows();
  let sent = 0;
  for (const operation of withBody) {
    const example = operation.bodyExample as Record<string, unknown>;
    for (const field of Object.keys(example)) {
      for (const text of SQL) {
        // Names are free text and may be SQL: tested below.
        if (field === 'account_name' || field === 'name') continue;
        const value = Array.isArray(example[field]) ? [text] : text;
        // A password may be any text, so the address must be wrong.
        const body = { ...example, email: `${text}@x`, [field]: value };
        const fits = 'email' in example ? body : { ...example, [field]: value };
        const answer = await gateway.call(methodOf(operation), urlOf(operation), { as, body: fits });
        t.ok(answer.status < 500, `${operation.operationId} ${field}: ${answer.status}`);
        sent += 1;
      }
    }
  }
  for (const operation of operations.filter(({ params }) => params !== undefined)) {
    for (const text of SQL) {
      const answer = await gateway.call(methodOf(operation), urlOf(operation, text), {
        as,
        ...(operation.body && { body: operation.bodyExample }),
      });
      t.match(answer, { status: 400, body: { code: 'invalid_request' } }, `${operation.operationId} ${text}`);
    }
  }
  for (const url of ['/api/api-keys', '/api/members']) {
    for (const text of SQL) {
      for (const parameter of ['cursor', 'limit']) {
        const answer = await gateway.call('GET', `${url}?${parameter}=${encodeURIComponent(text)}`, { as });
        const param = text.includes('\0') ? undefined : parameter;
        t.match(answer, { status: 400, body: { code: 'invalid_request', ...(param && { param }) } });
      }
    }
  }
  t.ok(sent > 50, `${sent} requests`);
  t.equal(await rows(), expected);

  await t.test('and where text is free, it is kept as it is', async (t) => {
    for (const name of SQL.filter((text) => !text.includes('\u0000'))) {
      t.match(await gateway.call('PATCH', '/api/me', { as, body: { name } }), {
        status: 200,
        body: { user: { name } },
      });
      t.match(await gateway.call('POST', '/api/api-keys', { as, body: { name } }), {
        status: 201,
        body: { name },
      });
    }
    for (const as of SQL) {
      const printable = as.replaceAll('\u0000', '');
      t.equal((await gateway.call('GET', '/api/me', { as: printable })).status, 401);
      t.equal((await gateway.call('GET', '/api/me', { headers: { 'x-api-key': printable } })).status, 401);
    }
  });
});

t.test('given wrong methods and unknown URLs, they are refused without authentication', async (t) => {
  const gateway = await createTestGateway(t);
  t.match(await gateway.call('GET', '/api/nothing'), { status: 404, body: { code: 'route_not_found' } });
  t.match(await gateway.call('POST', '/internal/v1/chat'), {
    status: 404,
    body: { code: 'route_not_found' },
  });
  t.match(await gateway.call('DELETE', '/api/auth/login'), {
    status: 405,
    body: { code: 'method_not_allowed' },
    headers: { allow: 'POST' },
  });
  t.match(await gateway.call('GET', '/v1/nothing'), {
    status: 404,
    body: { error: { problem_code: 'route_not_found' } },
  });
  t.match(await gateway.call('GET', '/health'), { status: 200, body: { status: 'ok' } });
});

t.test('every response carries the security headers', async (t) => {
  const gateway = await createTestGateway(t);
  for (const url of ['/health', '/api/me', '/api/nothing']) {
    t.match((await gateway.call('GET', url)).headers, {
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': /default-src 'none'/,
      'cache-control': 'no-store',
    });
  }
  const { headers } = await gateway.call('GET', '/.well-known/jwks.json');
  t.equal(headers['cache-control'], 'public, max-age=300');
});

t.test('CORS', async (t) => {
  const ask = async (origins: string, origin: string, requested = 'authorization') => {
    const gateway = await createTestGateway(t, { variables: { CORS_ORIGINS: origins } });
    const preflight = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': requested,
    };
    return {
      preflight: await gateway.call('OPTIONS', '/api/api-keys', { headers: { origin, ...preflight } }),
      simple: await gateway.call('GET', '/api/api-keys', { headers: { origin } }),
    };
  };

  await t.test('an allowed origin is reflected, without credentials', async (t) => {
    const { preflight, simple } = await ask('https://app.example, https://b.example', 'https://app.example');
    t.match(preflight, {
      status: 204,
      headers: {
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-headers': 'authorization',
        'access-control-allow-methods': /DELETE/,
        'access-control-max-age': '7200',
        vary: /origin/i,
        'x-content-type-options': 'nosniff',
      },
    });
    t.match(simple, {
      status: 401,
      headers: { 'access-control-allow-origin': 'https://app.example', vary: /origin/i },
    });
    for (const { headers } of [preflight, simple]) {
      t.equal(headers['access-control-allow-credentials'], undefined);
    }
  });

  await t.test('scripts can read the headers that clients act on', async (t) => {
    const { simple } = await ask('https://app.example', 'https://app.example');
    const exposed = String(simple.headers['access-control-expose-headers']).split(', ');
    for (const name of [
      'x-request-id',
      'x-inkmeter-cost-usd',
      'x-inkmeter-tokens',
      'x-inkmeter-plan',
      'x-inkmeter-degraded',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'x-should-retry',
    ]) {
      t.ok(exposed.includes(name), name);
    }
  });

  await t.test('headers that an SDK adds are allowed', async (t) => {
    const requested = 'authorization,content-type,x-stainless-lang,x-stainless-retry-count';
    const { preflight } = await ask('https://app.example', 'https://app.example', requested);
    t.equal(preflight.headers['access-control-allow-headers'], requested);
  });

  await t.test('any other origin gets no permission', async (t) => {
    const { preflight, simple } = await ask('https://app.example', 'https://evil.example');
    t.equal(simple.headers['access-control-allow-origin'], undefined);
    t.equal(preflight.headers['access-control-allow-origin'], undefined);
  });

  await t.test('`*` allows every origin', async (t) => {
    const { simple } = await ask('*', 'https://any.example');
    t.match(simple.headers, { 'access-control-allow-origin': '*' });
  });

  await t.test('without configured origins there is no CORS', async (t) => {
    const { preflight, simple } = await ask('', 'https://app.example');
    t.match(preflight, { status: 405 });
    t.notOk(simple.headers.vary);
  });
});

t.test('given a limit per caller, each has their own', async (t) => {
  const gateway = await createTestGateway(t, { variables: { RATE_LIMIT_PER_CALLER: '5' } });
  const { access_token: as } = await signUp(gateway, 'ada');
  const { key } = await createKey(gateway, as);
  const first = await gateway.call('GET', '/api/me', { as: key });
  t.match(first.headers, { 'ratelimit-policy': '"requests";q=5;w=60', ratelimit: /^"requests";r=4;t=60$/ });
  for (let index = 0; index < 4; index++) await gateway.call('GET', '/api/me', { as: key });
  t.match(await gateway.call('GET', '/api/me', { as: key }), {
    status: 429,
    body: { code: 'rate_limited', policy: 'requests', max_requests: 5, window_seconds: 60 },
    headers: { 'retry-after': /^\d+$/, ratelimit: /^"requests";r=0;t=\d+$/ },
  });
  t.equal((await gateway.call('GET', '/api/me', { as })).status, 200);
});

t.test('given everything that went through it, the log knows no secret', async (t) => {
  const gateway = await createTestGateway(t, { variables: { LOG_LEVEL: 'trace' } });
  const ada = await signUp(gateway, 'ada');
  const { key } = await createKey(gateway, ada.access_token);
  await gateway.call('GET', '/api/me', { as: key });
  await gateway.call('GET', '/api/me', { headers: { 'x-api-key': key } });
  await gateway.call('POST', '/api/auth/login', { body: { email: ada.email, password: 'a wrong password' } });
  const { body } = await gateway.call('POST', '/api/auth/refresh', {
    body: { refresh_token: ada.refresh_token },
  });
  await gateway.call('POST', '/api/auth/logout', { body: { refresh_token: body.refresh_token } });
  const log = gateway.log();
  t.match(log, /"audit":"user.registered"/);
  t.match(log, new RegExp(`"account":"${ada.accountId}"`));
  for (const secret of [
    TEST_PASSWORD,
    'a wrong password',
    ada.email,
    ada.access_token,
    ada.refresh_token,
    body.access_token,
    body.refresh_token,
    key,
    key.slice(-32),
  ]) {
    t.notOk(log.includes(secret));
  }
});
