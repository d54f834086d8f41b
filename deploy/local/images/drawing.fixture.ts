/** Images that are drawn, charged, replayed and refused. */
import OpenAI from 'openai';
import sharp from 'sharp';
import type { Test } from 'tap';
import type { Installation } from '../installation.fixture.ts';
import { GENERATE, PROMPT, usedOf } from './requests.fixture.ts';

export function testDrawing(t: Test, { call, customer, keyOf, simulator, pool, url }: Installation): void {
  const used = (accountId: string, meter: string) => usedOf(pool, accountId, meter);

  t.test(
    'given a starter, when they request an image, then it is generated, counted and explained',
    async (t) => {
      const { token, accountId } = await customer('starter');
      const { status, body, headers } = await call(GENERATE, token, { ...PROMPT, generate_alt_text: true });
      t.equal(status, 200);
      t.match(body, {
        status: 'success',
        images: [{ b64_json: /^iVBOR/, url: null, alt_text: /\w+/ }],
        size: '1:1',
        quality: 'standard',
        post_processing: [],
        incomplete: [],
        plan_info: {
          plan: 'starter',
          model_used: 'grok2_basic',
          quality_used: 'standard',
          usage: { meter: 'images', window: 'period', current: '1', limit: '10', remaining: '9' },
          badge: { label: 'Starter', state: 'ok' },
        },
      });
      t.notOk(body.plan_info.upgrade_prompt, 'far from any limit');
      t.equal(headers.get('x-inkmeter-plan'), 'starter');
      t.equal(headers.get('x-inkmeter-degraded'), null);
      t.equal(headers.get('x-inkmeter-cost-usd'), body.usage.cost_usd);
      const explained = await call(`/api/usage/requests/${headers.get('x-request-id')}`, token);
      t.match(explained.body, {
        hold: { state: 'closed' },
        calls: [
          { step: 'image', provider: 'xai', status: 'ok', cost_usd: '0.020000000' },
          { step: 'alt_text', provider: 'openai', status: 'ok' },
        ],
      });
      t.match(await used(accountId, 'images'), { used: 1n, held: 0n });
      t.match(await used(accountId, 'calls.xai'), undefined, 'a meter without a limit has no counter');
    },
  );

  t.test('given a key with little left, then `auto` draws by a model that it can pay', async (t) => {
    const { token } = await customer('pro');
    const keyWith = async (amount: string) => {
      const limits = [{ meter: 'cost', window: 'day', amount: { kind: 'limited', value_usd: amount } }];
      return (await call('/api/api-keys', token, { name: 'Small', scopes: ['*'], limits })).body.key;
    };
    const small = await keyWith('0.03');
    const drawn = await call(GENERATE, small, PROMPT);
    t.match(drawn, {
      status: 200,
      body: { usage: { cost_usd: '0.020000000' }, plan_info: { model_used: 'grok2_basic' } },
    });
    t.equal(drawn.headers.get('x-inkmeter-model'), 'grok2_basic');
    const openai = await call('/v1/images/generations', await keyWith('0.03'), { prompt: 'A pen' });
    t.equal(openai.status, 200);
    t.equal(openai.headers.get('x-inkmeter-model'), 'grok2_basic');
    const named = await call(GENERATE, await keyWith('0.03'), { ...PROMPT, model: 'dalle3' });
    t.match(named, { status: 429, body: { code: 'limit_exceeded' } }, 'a named model is not replaced');
  });

  t.test('given a model that is down, then `auto` draws by another, and a named one fails', async (t) => {
    const { token } = await customer('pro');
    // The moderation passes, and the first model fails in all of its three attempts.
    const outage = (id: string) => ({ prompt: `A pen [[simulate: 503x3,pass=1,id=${id}]]` });
    const drawn = await call(GENERATE, token, outage('auto'));
    t.match(drawn, { status: 200, body: { plan_info: { model_used: 'grok2_premium' } } });
    const explained = await call(`/api/usage/requests/${drawn.headers.get('x-request-id')}`, token);
    t.match(
      explained.body.calls.filter(({ step }: { step: string }) => step === 'image'),
      [{ provider: 'xai', status: 'ok' }],
    );
    const named = await call(GENERATE, token, { ...outage('named'), model: 'dalle3' });
    t.match(named, { status: 502, body: { code: 'provider_error', provider: 'openai', retryable: true } });
    const unmoderated = await call(GENERATE, token, { prompt: 'A pen [[simulate: 503x3,id=safety]]' });
    t.match(unmoderated, { status: 502, body: { code: 'provider_error', retryable: true } });
    const refused = await call(`/api/usage/requests/${unmoderated.headers.get('x-request-id')}`, token);
    t.strictSame(
      refused.body.calls.map(({ step }: { step: string }) => step),
      ['safety'],
      'nothing is drawn without moderation',
    );
  });

  t.test('given the features of images, then a plan that sells them gets what they say', async (t) => {
    const starter = await customer('starter');
    const enterprise = await customer('enterprise');
    const style_image = (
      await sharp({ create: { width: 32, height: 32, channels: 3, background: '#a03020' } })
        .png()
        .toBuffer()
    ).toString('base64');
    for (const [feature, fields] of [
      ['image_style_transfer', { style_image }],
      ['image_streaming', { stream: true }],
      ['image_advanced_quality', { quality: 'standard' }],
    ] as const) {
      const refused = await call(GENERATE, starter.token, { ...PROMPT, ...fields });
      t.match(refused, { status: 403, body: { code: 'feature_not_in_plan', feature } }, feature);
    }
    t.match(await call(GENERATE, enterprise.token, { ...PROMPT, style_image: 'bm90IGFuIGltYWdl' }), {
      status: 400,
      body: { param: 'style_image' },
    });

    const styled = await call(GENERATE, enterprise.token, { ...PROMPT, model: 'dalle3', style_image });
    t.equal(styled.status, 200, JSON.stringify(styled.body));
    const explained = await call(
      `/api/usage/requests/${styled.headers.get('x-request-id')}`,
      enterprise.token,
    );
    t.match(explained.body.calls.map(({ step }: { step: string }) => step).toSorted(), [
      'image',
      'safety',
      'style',
    ]);

    const [plain, best] = await Promise.all(
      ['draft', 'premium'].map((quality) =>
        call(GENERATE, enterprise.token, { ...PROMPT, model: 'dalle3', quality }),
      ),
    );
    t.match(
      [plain?.body, best?.body].map(({ quality, usage }) => [quality, usage.cost_usd]),
      [
        ['draft', '0.080000000'],
        ['premium', '0.120000000'],
      ],
      'a quality is drawn and charged',
    );

    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: await keyOf(enterprise), maxRetries: 0 });
    const stream = await openai.images.generate({
      ...PROMPT,
      model: 'gpt_image_1',
      stream: true,
      partial_images: 2,
    });
    const types: string[] = [];
    for await (const event of stream) {
      t.match(event.b64_json, /^iVBOR/);
      types.push(event.type);
    }
    const preview = 'image_generation.partial_image';
    t.strictSame(types, [preview, preview, 'image_generation.completed']);
    const none = openai.images.generate({ ...PROMPT, model: 'dalle3', stream: true, partial_images: 1 });
    await t.rejects(none, { message: /streams no previews/ });
  });

  t.test(
    'given a provider that fails or refuses, then nothing is charged and all of it is released',
    async (t) => {
      const { token, accountId } = await customer('starter');
      const moderated = await call(GENERATE, token, { prompt: 'A pen [[simulate: moderated]]' });
      t.match(moderated, { status: 422, body: { code: 'provider_refused', provider: 'xai' } });
      const broken = await call(GENERATE, token, { prompt: 'A pen [[simulate: status=500]]' });
      t.match(broken, { status: 502, body: { code: 'provider_error' } });
      t.match(await used(accountId, 'images'), { used: 0n, held: 0n });
      t.match(await used(accountId, 'cost'), { used: 0n, held: 0n });
    },
  );

  t.test('given an Idempotency-Key, then the same image comes again and is counted once', async (t) => {
    const { token, accountId } = await customer('starter');
    const ask = () => call(GENERATE, token, PROMPT, { 'idempotency-key': 'image-1' });
    const first = await ask();
    const again = await ask();
    t.equal(again.headers.get('idempotent-replayed'), 'true');
    t.equal(again.headers.get('x-inkmeter-plan'), 'starter');
    t.strictSame(again.body, first.body);
    t.match(await used(accountId, 'images'), { used: 1n });
  });

  t.test('given a response that is stored slowly, then it ends when a repeat is a replay', async (t) => {
    const { token } = await customer('starter');
    await pool.query(`
      CREATE FUNCTION store_slowly() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;
      CREATE TRIGGER store_slowly BEFORE UPDATE ON idempotency_keys
        FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION store_slowly()`);
    t.teardown(() => pool.query('DROP FUNCTION store_slowly CASCADE'));
    const ask = () => call(GENERATE, token, PROMPT, { 'idempotency-key': 'image-2' });
    const first = await ask();
    t.equal(first.status, 200, JSON.stringify(first.body));
    const again = await ask();
    t.equal(again.headers.get('idempotent-replayed'), 'true', JSON.stringify(again.body));
    t.strictSame(again.body, first.body);
  });

  t.test('unauthenticated and invalid requests are refused', async (t) => {
    const { token } = await customer('starter');
    const other = await customer('starter');
    const key = await keyOf({ ...other });
    for (const path of [GENERATE, '/api/images/capabilities', '/api/images/models', '/api/images/usage']) {
      const body = path === GENERATE ? PROMPT : undefined;
      t.match(await call(path, null, body), { status: 401, body: { code: 'unauthenticated' } }, path);
      t.match(await call(path, 'ik_live_unknown', body), { status: 401 }, path);
    }
    const calls = simulator.witness.totals().all.calls;
    const malformed: [unknown, number, string][] = [
      ['{"prompt":', 400, 'malformed_json'],
      [{}, 400, 'invalid_request'],
      [{ prompt: ' ' }, 400, 'invalid_request'],
      [{ prompt: 'x'.repeat(1001) }, 400, 'invalid_request'],
      [{ ...PROMPT, count: 5 }, 400, 'invalid_request'],
      [{ ...PROMPT, platform: 'myspace' }, 400, 'invalid_request'],
      [{ ...PROMPT, content_context: 'x'.repeat(501) }, 400, 'invalid_request'],
      [{ ...PROMPT, industry_context: 'x'.repeat(201) }, 400, 'invalid_request'],
      [{ ...PROMPT, surprise: true }, 400, 'invalid_request'],
      [{ ...PROMPT, custom_options: { width: 1e9, height: 1 } }, 400, 'invalid_request'],
      [{ ...PROMPT, tone: 'x'.repeat(3_000_000) }, 413, 'body_too_large'],
    ];
    for (const [body, status, code] of malformed) {
      const answer = await call(GENERATE, token, body, { 'content-type': 'application/json' });
      t.match(answer, { status, body: { code } }, JSON.stringify(body).slice(0, 60));
    }
    t.equal(simulator.witness.totals().all.calls, calls, 'no provider was asked');
    t.match((await call('/api/images/usage', key)).body, { usage: { current: '0' } }, 'its own, not others');
    const drawn = await call(GENERATE, token, PROMPT);
    const foreign = await call(`/api/usage/requests/${drawn.headers.get('x-request-id')}`, other.token);
    t.equal(foreign.status, 404);
  });
}
