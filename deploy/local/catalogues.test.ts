/** Starts every preset catalogue and uses it as a new customer does; restarts keep what staff published. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { CatalogueVersionWire } from '#libs/contracts/catalogues.ts';
import { bootstrap, cataloguePathOf, defaultPricesPath } from './bootstrap.ts';
import { type Installation, startInstallation } from './installation.fixture.ts';

type Expected = {
  plan: string;
  text: string;
  /** False if the plan counts articles, which a chat could write. */
  hasChat?: boolean;
  /** Undefined if the catalogue sells no images. */
  image?: string;
  /** A model that only a larger plan includes, and that plan. */
  beyond?: { model: string; plan: string };
  /** The smallest plan with `advanced_analytics`. Undefined if the catalogue does not sell it: every plan has it then. */
  analytics?: string;
};

const EXPECTED: Readonly<Record<string, Expected>> = {
  default: {
    plan: 'free',
    text: 'gpt-4o-mini',
    image: 'grok2_basic',
    beyond: { model: 'gpt-5', plan: 'pro' },
    analytics: 'pro',
  },
  crew: { plan: 'free', text: 'llama3.2:1b', hasChat: false },
  'alwrity-alpha': {
    plan: 'free-alpha',
    text: 'gemini-2.5-flash',
    image: 'stable_image',
    analytics: 'pro-alpha',
  },
  alwrity: {
    plan: 'free',
    text: 'gemini-2.5-flash',
    image: 'stable_image',
    beyond: { model: 'gpt-4o', plan: 'basic' },
    analytics: 'pro',
  },
  lily: {
    plan: 'free',
    text: 'gpt-4o-mini',
    image: 'grok2_basic',
    beyond: { model: 'gpt-4o', plan: 'pro' },
    analytics: 'pro',
  },
  whisperforge: {
    plan: 'free',
    text: 'gpt-3.5-turbo',
    image: 'dalle3',
    beyond: { model: 'gpt-4o', plan: 'pro' },
    analytics: 'business',
  },
};

for (const [catalogue, expected] of Object.entries(EXPECTED)) {
  const { plan, text, hasChat = true, image, beyond, analytics } = expected;
  t.test(`given the catalogue ${catalogue}`, async (t) => {
    const { call, customer } = await startInstallation(t, catalogue);
    const { token } = await customer();
    const chat = (model: string, more: object = {}) =>
      call('/v1/chat/completions', token, {
        model,
        messages: [{ role: 'user', content: 'Why is ink blue?' }],
        max_tokens: 50,
        ...more,
      });
    const answer = await chat(text);
    if (hasChat) {
      t.equal(answer.status, 200, `a chat: ${JSON.stringify(answer.body)}`);
      t.equal(answer.headers.get('x-inkmeter-plan'), plan);
    } else await chatsAreRefused(t, call, token, text);

    const drawn = await call('/api/images/generate', token, { prompt: 'A fountain pen' });
    if (image === undefined) t.match(drawn, { status: 403, body: { code: 'model_not_in_plan' } });
    else {
      t.match(drawn, {
        status: 200,
        body: { images: [{ b64_json: /^iVBOR/ }], plan_info: { plan, model_used: image } },
      });
    }

    const generated = await call('/api/generate', token, { topic: 'ink' }, { accept: 'application/json' });
    t.match(
      generated,
      { status: 200, body: { content: /ink/i, plan_info: { plan } } },
      JSON.stringify(generated.body),
    );

    const insights = await call('/api/usage/insights', token);
    t.equal(insights.status, analytics === undefined ? 200 : 403);
    t.equal(insights.body.suggested_plans?.[0].key, analytics);

    if (beyond === undefined) return;
    const preview = await call(`/api/subscription/preview?plan=${beyond.plan}`, token);
    t.match(preview, {
      status: 200,
      body: { data: { plan: beyond.plan, direction: 'upgrade', effective: 'on_payment', over_limits: [] } },
    });
    t.ok(preview.body.data.amount_due_now_minor > 0, 'and it has a price');
    const refused = await chat(beyond.model);
    t.match(refused, { status: 403, body: { error: { problem_code: 'model_not_in_plan', plan } } });
    t.equal(refused.body.error.suggested_plans[0].key, beyond.plan);
    const [fallback] = refused.body.error.fallback_options;
    t.match(await chat(beyond.model, fallback), { status: 200, body: fallback }, 'its fallback runs');
    const degraded = await chat(beyond.model, { allow_degraded: true });
    t.match(degraded, { status: 200, body: fallback });
    t.match(
      degraded.headers.get('x-inkmeter-degraded'),
      new RegExp(`^model=.* \\(asked ${beyond.model}\\)$`),
    );
  });
}

/** In every wire format. */
async function chatsAreRefused(t: Test, call: Installation['call'], token: string, model: string) {
  const messages = [{ role: 'user', content: 'Write a blog about ink.' }];
  const attempts: [string, object][] = [
    ['/v1/chat/completions', { model, messages }],
    ['/v1/messages', { model, messages, max_tokens: 50 }],
    ['/v1/responses', { model, input: 'Write a blog about ink.' }],
    ['/v1/completions', { model, prompt: 'A blog about ink:', max_tokens: 50 }],
    [`/v1beta/models/${model}:generateContent`, { contents: [{ parts: [{ text: 'A blog about ink' }] }] }],
  ];
  for (const [path, body] of attempts) {
    const refused = await call(path, token, body);
    t.equal(refused.status, 403, path);
    t.match(JSON.stringify(refused.body), /meter_disabled/, path);
  }
}

t.test('given a published catalogue, when a restart brings a changed file', async (t) => {
  const { call, customer, staffToken, databaseUrl } = await startInstallation(t, 'default');
  const admin = async (path: string, body?: object) => {
    const answer = await call(`/api/admin/catalogues${path}`, staffToken, body);
    t.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  const offer = async () => (await call('/api/plans/available', null)).body;
  const imported = await admin('', { source: readFileSync(cataloguePathOf('lily'), 'utf8') });
  await admin(`/${imported.version_id}/publish`, { migration: 'grandfather', reason: 'For a test.' });
  const published = await offer();
  t.match(published.catalogue, { id: 'lily', version: 1 });

  const file = path.join(t.testdir(), 'default.yaml');
  const original = readFileSync(cataloguePathOf('default'), 'utf8');
  writeFileSync(file, original.replace('monthlyMinor: 2900', 'monthlyMinor: 3100'));
  const restart = () =>
    bootstrap({
      databaseUrl,
      cataloguePath: file,
      pricesPath: defaultPricesPath,
      log: () => undefined,
    });
  const { catalogue } = await restart();
  await restart();

  t.strictSame(await offer(), published, 'the published catalogue stays on offer');
  const { token } = await customer();
  t.match((await call('/api/subscription/current', token)).body.data.catalogue, { id: 'lily', version: 1 });
  const { data: catalogues } = await admin('');
  t.strictSame(
    catalogues.map((one: CatalogueVersionWire) => [one.catalogue_id, one.version, one.active]).sort(),
    [
      ['default', 1, false],
      ['default', 2, false],
      ['lily', 1, true],
    ],
    'the content of the file is imported once and not active',
  );
  t.equal(catalogue.file.version, 2);
});
