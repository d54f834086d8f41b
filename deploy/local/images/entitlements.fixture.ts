/** What each plan of `lily` includes of images and models. */
import type { Test } from 'tap';
import type { Installation } from '../installation.fixture.ts';
import { GENERATE, PROMPT, usedOf } from './requests.fixture.ts';

export function testImageEntitlements(t: Test, { call, customer, pool }: Installation): void {
  const used = (accountId: string, meter: string) => usedOf(pool, accountId, meter);

  t.test('given a starter, when they request more than the plan includes', async (t) => {
    const { token, accountId } = await customer('starter');
    const cases = [
      {
        name: 'a premium quality',
        body: { quality_preset: 'premium' },
        problem: {
          code: 'quality_not_in_plan',
          reason: 'quality_restricted',
          available_qualities: ['draft', 'standard'],
          fallback_options: [{ quality_preset: 'standard' }],
        },
        degraded: 'quality_preset=standard (asked premium)',
      },
      {
        name: 'a story, which is premium too',
        body: { quality_preset: 'story' },
        problem: { code: 'quality_not_in_plan', fallback_options: [{ quality_preset: 'standard' }] },
        degraded: 'quality_preset=standard (asked story)',
      },
      {
        name: 'a premium model',
        body: { model: 'dall-e-3' },
        problem: {
          code: 'model_not_in_plan',
          reason: 'model_restricted',
          model: 'dalle3',
          available_models: ['grok2_basic'],
          fallback_options: [{ model: 'grok2_basic' }],
        },
        degraded: 'model=grok2_basic (asked dalle3)',
      },
      {
        name: 'several images',
        body: { count: 3 },
        problem: { code: 'feature_not_in_plan', feature: 'image_batch', fallback_options: [{ count: 1 }] },
        degraded: 'count=1 (asked 3)',
      },
      {
        name: 'a size of their own',
        body: { custom_options: { width: 1024, height: 1024 } },
        problem: {
          code: 'feature_not_in_plan',
          feature: 'image_custom_size',
          fallback_options: [{ custom_options: null }],
        },
        degraded: 'custom_options=none (asked set)',
      },
      {
        name: 'a premium model in premium quality',
        body: { model: 'grok2_premium', quality_preset: 'premium' },
        problem: {
          code: 'model_not_in_plan',
          fallback_options: [{ model: 'grok2_basic', quality_preset: 'standard' }],
        },
        degraded: 'model=grok2_basic (asked grok2_premium); quality_preset=standard (asked premium)',
      },
    ];
    for (const { name, body, problem, degraded } of cases) {
      const asked = { ...PROMPT, ...body };
      const refused = await call(GENERATE, token, asked);
      t.equal(refused.status, 403, name);
      t.match(refused.body, { ...problem, plan: 'starter' });
      t.match(
        refused.body.suggested_plans.map(({ key }: { key: string }) => key),
        ['pro', 'enterprise'],
      );
      const before = (await used(accountId, 'images'))?.used ?? 0n;
      // The suggested request can be sent unchanged.
      const [fallback] = refused.body.fallback_options;
      const served =
        before < 4n
          ? await call(GENERATE, token, { ...asked, ...fallback })
          : await call(GENERATE, token, { ...asked, allow_degraded: true });
      t.equal(served.status, 200, `${name}: the fallback runs`);
      t.equal((await used(accountId, 'images'))?.used, before + 1n);
      if (before >= 4n) t.equal(served.headers.get('x-inkmeter-degraded'), degraded);
    }
  });

  t.test('given allow_degraded, then the fallback is planned, run and reported', async (t) => {
    const { token } = await customer('starter');
    const { status, body, headers } = await call(GENERATE, token, {
      ...PROMPT,
      model: 'gpt_image_1',
      quality_preset: 'premium',
      count: 2,
      allow_degraded: true,
    });
    t.equal(status, 200);
    t.equal(body.images.length, 1);
    t.match(body, {
      quality: 'standard',
      plan_info: { model_used: 'grok2_basic', quality_used: 'standard' },
      degraded: [
        { what: 'model', asked: 'gpt_image_1', used: 'grok2_basic' },
        { what: 'quality_preset', asked: 'premium', used: 'standard' },
        { what: 'count', asked: '2', used: '1' },
      ],
    });
    t.match(headers.get('x-inkmeter-degraded'), /^model=grok2_basic \(asked gpt_image_1\); quality_preset=/);
    const platform = await call(GENERATE, token, { ...PROMPT, platform: 'tiktok', allow_degraded: true });
    t.match(
      platform,
      { status: 403, body: { code: 'platform_not_in_plan', reason: 'platform_restricted' } },
      'an image for one platform is no lesser image for another',
    );
    t.match(platform.body.fallback_options[0], { platform: 'twitter' });
  });

  t.test('given a starter with ten images, when they request an eleventh', async (t) => {
    const { token, accountId } = await customer('starter');
    for (let image = 1; image <= 10; image += 1) {
      const { status, body } = await call(GENERATE, token, PROMPT);
      t.equal(status, 200);
      t.equal(body.plan_info.usage.current, String(image));
      if (image < 8) t.notOk(body.plan_info.upgrade_prompt);
      else {
        t.match(body.plan_info, {
          badge: { state: image === 8 ? 'warning' : image === 9 ? 'notice' : 'exhausted' },
          upgrade_prompt: {
            meter: 'images',
            percentage: image * 10,
            urgency: image === 10 ? 'high' : 'medium',
            suggested_plans: [
              { key: 'pro', amount: { kind: 'limited', value: '50' }, price: { monthly_minor: 7900 } },
            ],
          },
        });
      }
    }
    const refused = await call(GENERATE, token, PROMPT);
    t.match(refused, {
      status: 429,
      body: {
        code: 'limit_exceeded',
        plan: 'starter',
        limit: { meter: 'images', amount: { kind: 'limited', value: '10' }, used: '10', asked: '1' },
        urgency: 'high',
        suggested_plans: [{ key: 'pro' }],
      },
    });
    t.match(await used(accountId, 'images'), { used: 10n, held: 0n });
    const usage = await call('/api/images/usage', token);
    t.match(usage.body, {
      plan: 'starter',
      usage: { current: '10', limit: '10', remaining: '0' },
      badge: { state: 'exhausted' },
      upgrade_prompt: { urgency: 'high' },
      limits: [{ meter: 'images', used: '10', amount: { kind: 'limited', value: '10' } }],
    });
  });

  t.test('given a pro', async (t) => {
    const { token } = await customer('pro');
    const best = await call(GENERATE, token, {
      ...PROMPT,
      count: 2,
      enable_post_processing: true,
      platform: 'tiktok',
    });
    t.equal(best.status, 200, JSON.stringify(best.body));
    t.equal(best.body.images.length, 2, 'two calls, since the model draws one at a time');
    t.match(best.body, {
      size: '1024x1792',
      quality: 'premium',
      post_processing: ['platform_style', 'platform_size'],
      plan_info: { model_used: 'dalle3', usage: { current: '2', limit: '50' } },
    });
    const own = await call(GENERATE, token, { ...PROMPT, custom_options: { width: 1792, height: 1024 } });
    t.match(own, { status: 200, body: { size: '1792x1024' } });
    const odd = await call(GENERATE, token, { ...PROMPT, custom_options: { width: 640, height: 480 } });
    t.match(odd, {
      status: 400,
      body: { code: 'unsupported_parameter', available_sizes: ['1024x1024', '1024x1792', '1792x1024'] },
    });
    t.match(await call(GENERATE, token, { ...PROMPT, quality_preset: 'ultra' }), {
      status: 400,
      body: {
        code: 'invalid_request',
        available_presets: ['draft', 'standard', 'premium', 'story', 'banner'],
      },
    });
    t.match(await call(GENERATE, token, { ...PROMPT, model: 'no-such-model' }), { status: 404 });
    t.match(await call(GENERATE, token, { ...PROMPT, model: 'gpt-4o' }), {
      status: 403,
      body: { code: 'model_not_in_plan', available_models: ['grok2_basic', 'grok2_premium', 'dalle3'] },
    });
  });

  t.test('image sizes and qualities of a plan', async (t) => {
    const starter = await customer('starter');
    const { body } = await call('/api/images/capabilities', starter.token);
    t.match(body, {
      plan: 'starter',
      can_generate: true,
      default_model: 'grok2_basic',
      models: ['grok2_basic'],
      qualities: { draft: true, standard: true, premium: false },
      platforms: { twitter: true, linkedin: true, tiktok: false },
      features: {
        image_batch: false,
        image_custom_size: false,
        image_post_processing: true,
        alt_text: true,
      },
      max_count: 1,
    });
    t.match(
      body.quality_presets.find(({ name }: { name: string }) => name === 'story'),
      { quality: 'premium', width: 1024, height: 1792, included: false },
    );
    const models = await call('/api/images/models', starter.token);
    t.match(models.body.models, [
      { model: 'grok2_basic', provider: 'xai', included: true, price_per_image_usd: '0.020000000' },
      { model: 'grok2_premium', included: false, plans: [{ key: 'pro' }, { key: 'enterprise' }] },
      {
        model: 'dalle3',
        included: false,
        plans: [{ key: 'pro' }, { key: 'enterprise' }],
        price_per_image_usd: '0.120000000',
      },
      {
        model: 'gpt_image_1',
        included: false,
        plans: [{ key: 'enterprise', name: 'Enterprise', rank: 30 }],
        sizes: [/^\d+x\d+$/],
        price_per_image_usd: '0.249600000',
      },
    ]);
    const free = await customer();
    t.match((await call('/api/images/usage', free.token)).body, {
      plan: 'free',
      usage: { current: '0', limit: '5', remaining: '5' },
    });
  });

  t.test('given a chat with a model beyond the plan', async (t) => {
    const { token } = await customer('starter');
    const CHAT = '/v1/chat/completions';
    const asked = {
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'Why is ink blue?' }],
      max_tokens: 20,
    };
    const refused = await call(CHAT, token, asked);
    t.match(refused, {
      status: 403,
      body: {
        error: {
          problem_code: 'model_not_in_plan',
          reason: 'model_restricted',
          plan: 'starter',
          available_models: [
            'gpt-4.1-nano',
            'gemini-2.5-flash-lite',
            'gpt-4o-mini',
            'claude-3-5-haiku',
            'gemini-2.5-flash',
            'grok-3-mini',
          ],
          fallback_options: [{ model: 'grok-3-mini' }, { model: 'gpt-4o-mini' }],
          suggested_plans: [{ key: 'pro' }],
        },
      },
    });
    for (const option of refused.body.error.fallback_options) {
      const served = await call(CHAT, token, { ...asked, ...option });
      t.match(served, { status: 200, body: { model: option.model } });
      t.equal(served.headers.get('x-inkmeter-plan'), 'starter');
    }
    const degraded = await call(CHAT, token, { ...asked, allow_degraded: true });
    t.match(degraded, { status: 200, body: { model: 'grok-3-mini' } });
    t.equal(degraded.headers.get('x-inkmeter-degraded'), 'model=grok-3-mini (asked gpt-4o)');
    const { calls } = (await call(`/api/usage/requests/${degraded.headers.get('x-request-id')}`, token)).body;
    t.match(calls, [{ provider: 'xai', model: 'grok-3-mini' }], 'held, called and paid as what was run');
  });

  t.test('given a suspended subscription, then every request is refused', async (t) => {
    const { token, accountId } = await customer('starter');
    await pool.query(`UPDATE subscriptions SET status = 'suspended' WHERE account_id = $1`, [accountId]);
    t.match(await call(GENERATE, token, PROMPT), {
      status: 403,
      body: { code: 'account_suspended', reason: 'subscription_suspended' },
    });
  });
}
