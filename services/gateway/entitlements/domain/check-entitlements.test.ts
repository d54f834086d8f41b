import { readFileSync } from 'node:fs';
import t from 'tap';
import { type EntitlementInput, entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import { generateImages } from '#libs/contracts/images.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { createPriceBook } from '../../prices/domain.ts';
import { checkEntitlements, type EntitlementRequest, withoutReserve } from './check-entitlements.ts';
import type { RequestBody } from './requirement.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const CATALOGUES = new URL('../../../../deploy/catalogues/', import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.yaml`, CATALOGUES), 'utf8');

const book = parsePriceBook(read('prices'));
const priceBook = createPriceBook({
  fetch: async () => ({ models: book.models, rows: book.rows }),
  now: () => NOW,
});
await priceBook.reload();

const CALLER: Caller = {
  accountId: '0190a1b2-0000-7000-8000-00000000a001',
  userId: '0190a1b2-0000-7000-8000-00000000b001',
  keyId: null,
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

type Situation = Partial<EntitlementInput['subscription']> & {
  catalogue?: string;
  overrides?: EntitlementInput['overrides'];
};

/** Checks a request on a plan of a catalogue; of `lily`, unless another is named. */
function check(
  { catalogue: name = 'lily', overrides = [], ...subscription }: Situation,
  request: Pick<EntitlementRequest<RequestBody>, 'requirements' | 'body'> & {
    caller?: Caller;
    canServe?: () => boolean;
  },
) {
  const catalogue = parseCatalogue(read(name));
  const entitlements = entitlementsAt(
    {
      catalogue,
      catalogueVersion: 'v1',
      accountId: CALLER.accountId,
      segments: [],
      seats: null,
      overrides,
      guardRails: [],
      flags: [],
      subscription: {
        planKey: 'starter',
        status: 'active',
        trialEndsAt: null,
        accessEndsAt: null,
        ...subscription,
      },
    },
    NOW,
  );
  return checkEntitlements(
    { caller: CALLER, entitlements, ...request },
    { priceBook, catalogueOf: async () => catalogue },
  );
}

const chat = (body: RequestBody) => ({ requirements: createChatCompletion.requirements, body });
const images = (body: RequestBody) => ({ requirements: generateImages.requirements, body });
const content = (body: RequestBody) => ({ requirements: generateContent.requirements, body });
const MINI = chat({ model: 'gpt-4o-mini' });

t.test('the status of the subscription', async (t) => {
  const yesterday = new Date(NOW.getTime() - 86_400_000);
  const tomorrow = new Date(NOW.getTime() + 86_400_000);
  await t.rejects(check({ status: 'suspended' }, MINI), { code: 'account_suspended', status: 403 });
  await t.rejects(check({ status: 'past_due', accessEndsAt: yesterday }, MINI), {
    code: 'payment_required',
    status: 402,
    fields: { reason: 'payment_overdue' },
  });
  t.match(
    await check({ status: 'past_due', accessEndsAt: tomorrow }, MINI),
    { degraded: [] },
    'within the grace period',
  );
  const given = {
    kind: 'plan_change',
    id: 'gift',
    plan: 'pro',
    from: yesterday,
    until: null,
  } as const;
  const gift = await check({ status: 'past_due', accessEndsAt: yesterday, overrides: [given] }, MINI);
  t.equal(
    gift.entitlements.plan.key,
    'pro',
    'a plan granted by staff is served regardless of overdue payments',
  );
  t.match(await check({ status: 'cancelled', accessEndsAt: yesterday }, MINI), {
    entitlements: { plan: { key: 'free' } },
  });
});

t.test('models: unknown names, aliases, defaults, and models that cannot serve the request', async (t) => {
  const byDefault = await check({}, content({ content_types: ['blog'] }));
  t.equal(byDefault.models.text?.info.model, 'gpt-4o-mini');
  t.equal((await check({ planKey: 'pro' }, images({}))).models.image?.info.model, 'dalle3', 'the best');
  const alias = await check({ planKey: 'pro' }, images({ model: 'openai/dall-e-3' }));
  t.equal(alias.models.image?.info.model, 'dalle3');
  await t.rejects(check({}, chat({ model: 'no-such-model' })), { code: 'unknown_model' });
  await t.rejects(check({}, { ...chat({ model: 'gpt-4o' }), canServe: () => false }), {
    code: 'model_not_in_plan',
    message: 'The plan does not include the model gpt-4o.',
    fields: { fallback_options: [] },
  });
  await t.rejects(
    check({}, { ...chat({ model: 'gpt-4o', allow_degraded: true }), canServe: () => false }),
    { code: 'model_not_in_plan' },
    'a model that would fail is never used',
  );
});

t.test('the nearest model below is offered first, then the one of the plan', async (t) => {
  await t.rejects(check({}, chat({ model: 'gpt-4o' })), {
    code: 'model_not_in_plan',
    fields: { fallback_options: [{ model: 'grok-3-mini' }, { model: 'gpt-4o-mini' }] },
  });
  const degraded = await check({}, chat({ model: 'gpt-4o', temperature: 1, allow_degraded: true }));
  t.strictSame(degraded.body, { model: 'grok-3-mini', temperature: 1, allow_degraded: true });
  t.equal(degraded.models.text?.info.model, 'grok-3-mini');
});

t.test('an override grants what the plan does not include', async (t) => {
  const body = { prompt: 'A pen', count: 2 };
  await t.rejects(check({}, images(body)), {
    code: 'feature_not_in_plan',
    fields: { feature: 'image_batch', suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }] },
  });
  const grant = { kind: 'feature_grant', id: 'o1', feature: 'image_batch', from: NOW, until: null } as const;
  t.match(await check({ overrides: [grant] }, images(body)), { body, degraded: [] });
});

t.test('several missing entitlements: the first names the refusal, the fallbacks avoid all', async (t) => {
  const body = { model: 'gpt_image_1', quality_preset: 'banner', platform: 'pinterest', count: 2 };
  await t.rejects(check({}, images(body)), {
    code: 'model_not_in_plan',
    fields: {
      reason: 'model_restricted',
      plan: 'starter',
      quality: 'premium',
      platform: 'pinterest',
      available_models: ['grok2_basic'],
      suggested_plans: [{ key: 'enterprise' }],
      fallback_options: [
        { model: 'grok2_basic', quality_preset: 'standard', platform: 'twitter', count: 1 },
        { platform: 'instagram' },
        { platform: 'facebook' },
        { platform: 'linkedin' },
      ],
    },
  });
  const degraded = await check({}, images({ ...body, platform: 'instagram', allow_degraded: true }));
  t.equal(degraded.degraded.length, 3, 'once the client has chosen a platform, the rest is degraded');
});

t.test('API keys require a plan with API access, if the catalogue sells it', async (t) => {
  const caller = { ...CALLER, keyId: '0190a1b2-0000-7000-8000-00000000c001' };
  t.match(await check({}, { ...MINI, caller }), { degraded: [] }, 'lily does not sell it');
  const free = { catalogue: 'whisperforge', planKey: 'free' };
  const request = chat({ model: 'gpt-3.5-turbo', allow_degraded: true });
  await t.rejects(check(free, { ...request, caller }), {
    code: 'feature_not_in_plan',
    fields: { feature: 'api_access', fallback_options: [], suggested_plans: [{ key: 'business' }] },
  });
  t.match(await check(free, request), { degraded: [] }, 'a user needs none');
});

t.test('a field that the plan lacks is removed, so that the request stays one of its schema', async (t) => {
  const wanted = {
    topic: 'ink',
    content_types: ['blog'],
    hero_image: true,
    research: true,
    research_full_text: true,
  };
  const onFree = { catalogue: 'crew', planKey: 'free' };
  await t.rejects(check(onFree, content(wanted)), { code: /not_in_plan/ });
  const { body, models } = await check(onFree, content({ ...wanted, allow_degraded: true }));
  t.notOk('hero_image' in body);
  t.equal(models.image, undefined);
  generateRequest.parse(body);
});

t.test('a model that we choose has others behind it, and one that the client names has none', async (t) => {
  const names = (list: readonly { info: { model: string } }[] = []) => list.map(({ info }) => info.model);
  const draw = { prompt: 'A pen', generate_alt_text: true };
  const auto = await check({ planKey: 'pro' }, images({ ...draw, model: 'auto' }));
  t.equal(auto.models.image?.info.model, 'dalle3');
  t.strictSame(names(auto.fallbacks?.image), ['grok2_premium', 'grok2_basic'], 'other providers first');
  t.strictSame(names(auto.cheaper), ['grok2_premium', 'grok2_basic'], 'for a budget that is too small');
  t.ok((auto.fallbacks?.text ?? []).every(({ info }) => info.capabilities.vision));

  const named = await check({ planKey: 'pro' }, images({ ...draw, model: 'dalle3' }));
  t.equal(named.fallbacks?.image, undefined);
  t.equal(named.cheaper, undefined);
  t.strictSame(
    withoutReserve(named).map(({ fallbacks }) => fallbacks),
    named.fallbacks ? [undefined] : [],
  );
  const only = await check({ planKey: 'starter' }, images({ prompt: 'A pen', model: 'auto' }));
  t.equal(only.fallbacks, undefined, 'a plan with one model');
});
