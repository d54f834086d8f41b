/**
 * Provokes the problem codes of the API on the running system. The test client compares every answer with the schema that
 * the document has for its code.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { CHANGES_CHANNEL } from '#libs/db/notify.ts';
import { PROBLEMS, type ProblemCode } from '#libs/problems/catalogue.ts';
import { type Answer, startInstallation } from './installation.fixture.ts';

t.setTimeout(180_000);

const CHAT = '/v1/chat/completions';
const IMAGES = '/api/images/generate';

/** Codes that need clocks, faults or settings which other tests have. */
const ELSEWHERE: Readonly<Partial<Record<ProblemCode, string>>> = {
  headers_too_large: 'libs/service/create-service.test.ts',
  request_timeout: 'libs/service/create-service.test.ts',
  token_expired: 'services/gateway/auth/authenticate.test.ts',
  refresh_token_reused: 'services/gateway/auth/routes.test.ts',
  payment_provider_error: 'services/billing/payments/hosted-routes.test.ts',
  email_not_verified: 'services/gateway/auth/email-routes.test.ts',
  content_type_not_in_plan: 'deploy/local/entitlements.test.ts',
  meter_disabled: 'services/usage-metering/requests/routes.test.ts',
  idempotency_in_progress: 'services/gateway/idempotency/idempotency.test.ts',
  prompt_refused: 'services/generation/images/routes.test.ts',
  limit_blocked: 'services/gateway/metering/pipeline.test.ts',
  rate_limited: 'services/gateway/auth/abuse.test.ts',
  client_closed_request: 'services/generation/chat/failures.test.ts',
  internal_error: 'libs/service/create-service.test.ts',
  metering_unavailable: 'libs/clients/quota-resources.test.ts',
  service_unavailable: 'services/generation/social/connection-routes.test.ts',
  overloaded: 'libs/service/create-service.test.ts',
  provider_refused: 'services/generation/images/routes.test.ts',
  provider_timeout: 'services/generation/chat/failures.test.ts',
};

const codeOf = ({ body }: Answer): string => body.code ?? body.error?.problem_code;

t.test('every problem code is answered as it is documented', async (t) => {
  const { url, call, customer, keyOf, pool, simulator, staffToken } = await startInstallation(t, 'default');
  const free = await customer();
  const pro = await customer('pro');
  const enterprise = await customer('enterprise');
  const user = (content: string) => [{ role: 'user', content }];
  const chat = (credential: string, content: string, more: object = {}) =>
    call(CHAT, credential, { model: 'gpt-4o-mini', max_tokens: 10, messages: user(content), ...more });
  const send = (method: string, path: string, credential: string, body?: object) =>
    fetchJson(`${url}${path}`, method, credential, body);
  const newKey = async (token: string, more: object = {}) =>
    (await call('/api/api-keys', token, { name: 'Key', scopes: ['*'], ...more })).body;
  const changed = (sql: string, value: string) => pool.query(sql, [value]);
  const login = (password: string, more: object = {}) =>
    call('/api/auth/login', null, { email: 'customer-1@example.com', password, ...more });
  const json = { 'content-type': 'application/json' };

  const cases: Partial<Record<ProblemCode, () => Promise<Answer>>> = {
    invalid_request: () => call('/api/auth/login', null, {}),
    malformed_json: () => call('/api/auth/login', null, '{', json),
    unsupported_media_type: () => call('/api/auth/login', null, 'x', { 'content-type': 'text/plain' }),
    body_too_large: () => login('x'.repeat(9_000)),
    unauthenticated: () => call('/api/me', null),
    invalid_token: () => call('/api/me', 'a.b.c'),
    invalid_api_key: () => call('/api/me', 'ik_live_unknown'),
    api_key_revoked: async () => {
      const { id, key } = await newKey(pro.token);
      await changed('UPDATE api_keys SET revoked_at = now() WHERE id = $1', id);
      return call('/api/me', key);
    },
    api_key_expired: async () => {
      const { id, key } = await newKey(pro.token);
      await changed(`UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1`, id);
      return call('/api/me', key);
    },
    account_suspended: async () => {
      const suspended = await customer();
      const key = await keyOf(suspended);
      await changed(`UPDATE accounts SET status = 'suspended' WHERE id = $1`, suspended.accountId);
      return call('/api/me', key);
    },
    invalid_credentials: () => login('a wrong password'),
    refresh_token_invalid: () => call('/api/auth/refresh', null, { refresh_token: 'unknown' }),
    insufficient_scope: async () => chat((await newKey(pro.token, { scopes: ['usage:read'] })).key, 'Hi'),
    role_required: async () => {
      const member = { email: 'member@example.com', password: 'a password of tests' };
      await call('/api/members', pro.token, member);
      const { body } = await call('/api/auth/login', null, member);
      return call('/api/api-keys', body.access_token, { name: 'Key' });
    },
    platform_role_required: () => call('/api/admin/jobs', free.token),
    feature_not_in_plan: () => call(IMAGES, free.token, { prompt: 'A pen', count: 2 }),
    model_not_in_plan: () => chat(free.token, 'Hi', { model: 'gpt-4' }),
    quality_not_in_plan: () => call(IMAGES, free.token, { prompt: 'A pen', quality_preset: 'premium' }),
    platform_not_in_plan: () => call(IMAGES, free.token, { prompt: 'A pen', platform: 'tiktok' }),
    not_found: () => call(`/api/api-keys/${randomUUID()}`, pro.token),
    route_not_found: () => call('/api/nothing', pro.token),
    method_not_allowed: () => send('DELETE', '/api/me', pro.token),
    unknown_model: () => chat(pro.token, 'Hi', { model: 'no-such-model' }),
    unpriced_model: async () => {
      await pool.query(`
        INSERT INTO models (provider, model, info, updated_at)
        SELECT provider, 'gpt-next', info || '{"model": "gpt-next", "upstreamModel": "gpt-next", "aliases": []}', updated_at
        FROM models WHERE model = 'gpt-4o-mini'`);
      await pool.query('SELECT pg_notify($1, $2)', [CHANGES_CHANNEL, JSON.stringify({ kind: 'prices' })]);
      let answer: Answer;
      // Until the gateway has read its prices again.
      do answer = await chat(pro.token, 'Hi', { model: 'gpt-next' });
      while (codeOf(answer) === 'unknown_model');
      return answer;
    },
    unknown_plan: () => call('/api/plans/compare?a=free&b=gold', null),
    email_token_invalid: () => call('/api/auth/verify-email', null, { token: 'ivt_unknown' }),
    invitation_invalid: () => call('/api/invitations/accept', null, { token: 'inv_unknown' }),
    conflict: () => call('/api/invitations', pro.token, { email: 'member@example.com' }),
    email_taken: () =>
      call('/api/auth/register', null, { email: 'member@example.com', password: 'another password' }),
    invitation_required: () =>
      call('/api/members', pro.token, { email: 'customer-1@example.com', password: 'another password' }),
    plan_change_not_allowed: () => call('/api/subscription/upgrade', pro.token, { plan: 'basic' }),
    payment_required: () => call('/api/subscription/upgrade', free.token, { plan: 'basic' }),
    trial_not_available: () => call('/api/plans/start-trial', pro.token, { plan: 'pro' }),
    payments_not_hosted: () =>
      call('/api/admin/billing/refunds', staffToken, { invoice_id: 'in_1', reason: 'For a test.' }),
    semantic_error: () =>
      call('/api/api-keys', pro.token, { name: 'Key', expires_at: '2020-01-01T00:00:00Z' }),
    idempotency_key_reused: async () => {
      const headers = { 'idempotency-key': 'once' };
      await call('/api/workspaces', pro.token, { name: 'One' }, headers);
      return call('/api/workspaces', pro.token, { name: 'Two' }, headers);
    },
    unsupported_parameter: () => chat(pro.token, 'Hi', { service_tier: 'priority' }),
    url_not_read: () => {
      const image = { type: 'image_url', image_url: { url: 'http://169.254.169.254/latest/meta-data' } };
      return chat(pro.token, 'Hi', { messages: [{ role: 'user', content: [image] }] });
    },
    prompt_too_large: () =>
      call(CHAT, enterprise.token, { model: 'gpt-4', messages: user('word '.repeat(200_000)) }),
    provider_error: () => chat(pro.token, 'Hi [[simulate: status=500]]'),
    provider_malformed: () => chat(pro.token, 'Hi [[simulate: malformed]]'),
    limit_exceeded: async () => {
      const limits = [{ meter: 'tokens.total', window: 'day', amount: { kind: 'limited', value: '1' } }];
      return chat((await newKey(pro.token, { limits })).key, 'Hi');
    },
    limit_held: async () => {
      const limits = [{ meter: 'calls.openai', window: 'day', amount: { kind: 'limited', value: '1' } }];
      const { key } = await newKey(enterprise.token, { limits });
      return await whileRunning(key, 1, () => chat(key, 'Hi'));
    },
    parallel_limit: () => whileRunning(free.token, 5, () => chat(free.token, 'Hi')),
    emergency_stop: async () => {
      const stop = { kind: 'account', target: enterprise.accountId, reason: 'A note.' };
      await call('/api/admin/stops', staffToken, { ...stop, public_reason: 'For a test.' });
      return chat(enterprise.token, 'Hi');
    },
  };

  /** Sends a request while others of the same caller run. */
  async function whileRunning(credential: string, count: number, run: () => Promise<Answer>) {
    const controller = new AbortController();
    const before = simulator.witness.totals().all.calls;
    const running = Array.from({ length: count }, () =>
      fetch(`${url}${CHAT}`, {
        method: 'POST',
        headers: { ...json, authorization: `Bearer ${credential}` },
        body: JSON.stringify({
          model: 'gpt-4o-mini',
          max_tokens: 10,
          messages: user('Hi [[simulate: slow=60000]]'),
        }),
        signal: controller.signal,
      }).catch(() => undefined),
    );
    await simulator.witness.arrived(before + count);
    const answer = await run();
    controller.abort();
    await Promise.all(running);
    return answer;
  }

  for (const [code, provoke] of Object.entries(cases)) {
    const answer = await provoke();
    t.equal(codeOf(answer), code, code, { answer: answer.body });
    t.equal(answer.status, PROBLEMS[code as ProblemCode].status, `${code}: its status`);
  }
  const provoked = new Set(Object.keys(cases));
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    const file = ELSEWHERE[code];
    t.ok(provoked.has(code) !== (file !== undefined), `${code} is provoked here, or in another test`);
    if (file !== undefined) t.match(readFileSync(file, 'utf8'), code, `${file} provokes ${code}`);
  }
});

async function fetchJson(url: string, method: string, credential: string, body?: object): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
