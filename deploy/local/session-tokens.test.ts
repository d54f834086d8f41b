/** A partner's server makes a session token, with which a browser calls the gateway directly. */
import t from 'tap';
import { NO_BROWSER, openPage, servePage } from './clients/browser.fixture.ts';
import { startInstallation } from './installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const TOKENS = '/api/session-tokens';
const CHAT = '/v1/chat/completions';
const ORIGIN = 'https://app.example.com';
const BODY = { model: 'gpt-4o-mini', max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }] };

const partner = await customer();
const key = await keyOf(partner);
const mint = async (endUser: string, more: object = {}) => {
  const { status, body } = await call(TOKENS, key, { end_user: endUser, origins: [ORIGIN], ...more });
  if (status !== 201) throw new Error(`No token: ${status} ${JSON.stringify(body)}`);
  return body as { id: string; token: string; user_id: string };
};
/** As a browser on a page of the partner. */
const chat = (token: string) => call(CHAT, token, BODY, { origin: ORIGIN });

t.test('given a token with limits of its end user', async (t) => {
  const limits = [{ meter: 'api.requests', window: 'day', amount: { kind: 'limited', value: '2' } }];
  const { token, user_id: userId } = await mint('customer-1', { limits });

  await t.test('when a browser asks before it calls, then the origin of the token is allowed', async (t) => {
    const preflight = await fetch(url + CHAT, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    t.equal(preflight.status, 204);
    t.equal(preflight.headers.get('access-control-allow-origin'), ORIGIN);
  });

  await t.test('then it generates until its own limit refuses, also with another token', async (t) => {
    const first = await chat(token);
    t.match(first, { status: 200, body: { choices: [{ message: { role: 'assistant' } }] } });
    t.equal(first.headers.get('access-control-allow-origin'), ORIGIN);
    t.equal((await chat((await mint('customer-1')).token)).status, 200);
    const refused = await chat(token);
    t.match(refused, { status: 429, body: { error: { problem_code: 'limit_exceeded' } } });
    t.match(refused.body.error, {
      limit: { meter: 'api.requests', scope: 'user', amount: { value: '2' }, used: '2' },
    });
    t.equal(refused.headers.get('x-should-retry'), 'false');
    t.equal((await chat((await mint('customer-2')).token)).status, 200, 'not that of another end user');
    t.equal((await call(CHAT, key, BODY)).status, 200, 'nor that of the key');
  });

  await t.test('then it sees nothing of the account and of other end users', async (t) => {
    for (const path of ['/api/usage/requests', '/api/usage/breakdown', '/api/me', `/api/subscription/usage`])
      t.equal((await call(path, token)).status, 403, path);
    const other = await mint('customer-3');
    const response = { model: 'gpt-4o-mini', input: 'Hello', max_output_tokens: 50, store: true };
    const stored = await call('/v1/responses', other.token, response, { origin: ORIGIN });
    t.equal(stored.status, 200);
    const seen = await call(`/v1/responses/${stored.body.id}`, token, undefined, { origin: ORIGIN });
    t.ok([403, 404].includes(seen.status), `${seen.status}`);
    const continued = await call(
      '/v1/responses',
      (await mint('customer-2')).token,
      { ...response, previous_response_id: stored.body.id },
      { origin: ORIGIN },
    );
    t.match(continued, { status: 400, body: { error: { param: 'previous_response_id' } } });
    const mine = { ...response, previous_response_id: stored.body.id };
    t.equal((await call('/v1/responses', other.token, mine, { origin: ORIGIN })).status, 200);
  });

  await t.test('then the partner finds the usage of an end user by their own id', async (t) => {
    const requests = await call('/api/usage/requests?end_user=customer-1', key);
    t.equal(requests.body.data.length, 2);
    t.ok(requests.body.data.every((one: { user_id: string }) => one.user_id === userId));
    t.strictSame((await call('/api/usage/requests?end_user=unknown', key)).body.data, []);
    const today = new Date().toISOString().slice(0, 10);
    const breakdown = `/api/usage/breakdown?from=${today}&to=${today}&granularity=total`;
    const { body } = await call(`${breakdown}&group_by=end_user`, key);
    t.strictSame(
      body.rows.map(({ group, calls }: { group: string | null; calls: number }) => [group, calls]),
      [
        [null, 1],
        ['customer-1', 2],
        ['customer-2', 1],
        ['customer-3', 2],
      ],
    );
    t.match((await call(`${breakdown}&end_user=customer-1`, key)).body, { total: { calls: 2 } });
    const otherKey = await keyOf(await customer());
    t.strictSame((await call('/api/usage/requests?end_user=customer-1', otherKey)).body.data, []);
  });
});

t.test('given a token whose time is over, then it is refused', async (t) => {
  const { id, token } = await mint('customer-4', { ttl_seconds: 60 });
  await pool.query(`UPDATE session_tokens SET expires_at = now() - interval '1 s' WHERE id = $1`, [id]);
  t.match(await chat(token), { status: 401, body: { error: { problem_code: 'token_expired' } } });
});

t.test(
  'given a page of the partner in Chromium, then it generates with the token, and no other page does',
  {
    skip: NO_BROWSER,
  },
  async (t) => {
    const origin = await servePage(t);
    const limits = [{ meter: 'api.requests', window: 'day', amount: { kind: 'limited', value: '1' } }];
    const { token } = await mint('customer-5', { origins: [origin], limits });
    /** Runs in the page. */
    const generate = async ({ url, token, body }: { url: string; token: string; body: object }) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
      const retry = response.headers.get('x-should-retry');
      return { status: response.status, retry, answer: await response.json() };
    };
    const request = { url: url + CHAT, token, body: BODY };
    const page = await openPage(t, origin);
    t.match(await page.evaluate(generate, request), {
      status: 200,
      answer: { choices: [{ message: { role: 'assistant', content: /\w/ } }] },
    });
    t.match(await page.evaluate(generate, request), {
      status: 429,
      retry: 'false',
      answer: { error: { problem_code: 'limit_exceeded', limit: { scope: 'user' } } },
    });
    const other = await openPage(t, (await servePage(t)).replace('127.0.0.1', 'localhost'));
    t.match(await other.evaluate(generate, request), {
      status: 403,
      answer: { error: { message: 'The session token may not be used from this origin.' } },
    });
  },
);
