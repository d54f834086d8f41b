/** Entitlements under the catalogue `crew`, whose plans differ in content types and API access. */
import t from 'tap';
import { parseSse } from '#libs/http/sse-parser.ts';
import { startInstallation } from './installation.fixture.ts';

const { call, customer, keyOf, url, simulator } = await startInstallation(t, 'crew');

const GENERATE = '/api/generate';
/** Equal requests count here, because none is answered from the cache. */
const JSON_ONLY = { accept: 'application/json', 'cache-control': 'no-store' };
const TOPIC = { topic: 'fountain pens' };

t.test('given a free account, then it may generate blogs only', async (t) => {
  const { token } = await customer();
  const blog = await call(GENERATE, token, TOPIC, JSON_ONLY);
  t.equal(blog.status, 200, JSON.stringify(blog.body));
  t.match(blog.body, {
    content: /fountain pens/i,
    plan_info: {
      plan: 'free',
      model_used: 'llama3.2:1b',
      usage: { meter: 'gen.blog', current: '1', limit: '5', remaining: '4' },
      badge: { label: 'Free', state: 'ok' },
    },
  });
  t.equal(blog.headers.get('x-inkmeter-plan'), 'free');

  const both = { ...TOPIC, content_types: ['blog', 'social'] };
  const refused = await call(GENERATE, token, both, JSON_ONLY);
  t.match(refused, {
    status: 403,
    body: {
      code: 'content_type_not_in_plan',
      content_type: 'social',
      reason: 'content_type_restricted',
      available_content_types: ['blog'],
      fallback_options: [{ content_types: ['blog'] }],
      suggested_plans: [{ key: 'basic' }, { key: 'pro' }, { key: 'enterprise' }],
    },
  });
  const [fallback] = refused.body.fallback_options;
  t.equal((await call(GENERATE, token, { ...both, ...fallback }, JSON_ONLY)).status, 200);
  const degraded = await call(GENERATE, token, { ...both, allow_degraded: true }, JSON_ONLY);
  t.match(degraded, {
    status: 200,
    body: {
      social_media_content: null,
      degraded: [{ what: 'content_types', asked: 'blog,social', used: 'blog' }],
      plan_info: { usage: { current: '3' } },
    },
  });
  const social = await call(GENERATE, token, { ...TOPIC, content_types: ['social'], allow_degraded: true });
  t.match(social, {
    status: 403,
    body: { code: 'content_type_not_in_plan', fallback_options: [] },
  });
});

t.test('given the limit of blogs, then upgrade prompts come before the refusal', async (t) => {
  const { token } = await customer();
  for (let blog = 1; blog <= 5; blog += 1) {
    const { body } = await call(GENERATE, token, TOPIC, JSON_ONLY);
    t.equal(body.plan_info.usage.current, String(blog));
    t.equal(body.plan_info.upgrade_prompt?.suggested_plans[0]?.key, blog < 4 ? undefined : 'basic');
  }
  t.match(await call(GENERATE, token, TOPIC, JSON_ONLY), {
    status: 429,
    body: {
      code: 'limit_exceeded',
      limit: { meter: 'gen.blog', used: '5' },
      suggested_plans: [{ key: 'basic' }],
    },
  });
});

t.test('given a stream, then its last event has the account status', async (t) => {
  const { token } = await customer('basic');
  const response = await fetch(`${url}${GENERATE}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...TOPIC, model: 'llama3.1:8b', allow_degraded: true }),
  });
  t.equal(response.headers.get('x-inkmeter-plan'), 'basic');
  t.equal(response.headers.get('x-inkmeter-degraded'), 'model=llama3.2:3b (asked llama3.1:8b)');
  let complete: unknown;
  for await (const { event, data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
    if (event === 'complete') complete = JSON.parse(data);
  }
  t.match(complete, {
    plan_info: { plan: 'basic', model_used: 'llama3.2:3b', usage: { meter: 'gen.blog', limit: '50' } },
    degraded: [{ what: 'model', asked: 'llama3.1:8b', used: 'llama3.2:3b' }],
  });
});

t.test('given an API key, then its plan must include API access', async (t) => {
  const free = await customer();
  const key = await keyOf(free);
  const CHAT = { model: 'llama3.2:1b', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 };
  const before = simulator.witness.totals().all.calls;
  const refused = await call(GENERATE, key, TOPIC, JSON_ONLY);
  t.match(refused, {
    status: 403,
    body: {
      code: 'feature_not_in_plan',
      feature: 'api_access',
      fallback_options: [],
      suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }],
    },
  });
  t.match(await call('/v1/chat/completions', key, { ...CHAT, allow_degraded: true }), {
    status: 403,
    body: { error: { problem_code: 'feature_not_in_plan', feature: 'api_access' } },
  });
  t.match(await call('/api/images/generate', key, { prompt: 'A pen' }), {
    status: 403,
    body: { code: 'feature_not_in_plan' },
  });
  t.equal(simulator.witness.totals().all.calls, before, 'no provider was asked');
  t.equal((await call(GENERATE, free.token, TOPIC, JSON_ONLY)).status, 200, 'a user token is accepted');

  const proKey = await keyOf(await customer('pro'));
  t.equal((await call('/v1/chat/completions', proKey, CHAT)).status, 200);
});

t.test('given a catalogue without image models, then there are none to fall back on', async (t) => {
  const { token } = await customer('pro');
  t.match(await call('/api/images/generate', token, { prompt: 'A pen' }), {
    status: 403,
    body: { code: 'model_not_in_plan', available_models: [], fallback_options: [] },
  });
  t.match(await call('/api/images/generate', token, { prompt: 'A pen', model: 'dalle3' }), {
    status: 403,
    body: { code: 'model_not_in_plan', available_models: [], fallback_options: [] },
  });
  t.match((await call('/api/images/capabilities', token)).body, { can_generate: false, models: [] });
});

t.test(
  'given a free account, then the eleventh request of a minute is refused with Retry-After',
  async (t) => {
    const { token } = await customer();
    const chat = () =>
      call('/v1/chat/completions', token, {
        model: 'llama3.2:1b',
        messages: [{ role: 'user', content: 'Hello' }],
        max_tokens: 10,
      });
    // The plan has no chat.
    for (let i = 0; i < 10; i += 1)
      t.match((await chat()).body, { error: { problem_code: 'meter_disabled' } });
    const refused = await chat();
    t.match(refused, {
      status: 429,
      body: { error: { problem_code: 'rate_limited', max_requests: 10, plan: 'free' } },
    });
    t.match(refused.headers.get('retry-after'), /^\d+$/);
  },
);
