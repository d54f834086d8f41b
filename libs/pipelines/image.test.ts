import t from 'tap';
import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { finishingOf, type ImagePlanInput, imagePrompt, planImage } from './image.ts';
import { ATTACHED_STYLE, altTextMessages } from './image-descriptions.ts';
import { imageFormatOf, maxImageUnits, nearestSize, providerQuality } from './image-formats.ts';
import { sizeForPlatform } from './image-platforms.ts';
import { worstCaseMeters } from './meters.ts';
import { bytesBound } from './prompt-bound.ts';

const PRICE: ModelPriceWire = { provider: 'p', model: 'm', version: 'v', tiers: [] };
const LADDER = ['draft', 'standard', 'premium'];

const model = (upstreamModel: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  provider: 'openai',
  model: upstreamModel,
  aliases: [],
  upstreamModel,
  kind: 'image',
  contextWindow: 0,
  maxOutputTokens: 0,
  maxImageInputTokens: 0,
  tokenizer: null,
  capabilities: { vision: false, tools: false, jsonSchema: false, reasoning: false, streaming: true },
  ...more,
});
const WRITER = model('gpt-4o-mini', { kind: 'text', contextWindow: 128_000, maxOutputTokens: 16_384 });

const wish = (more: object = {}): ImageRequest => imageRequest.parse({ prompt: 'A pen', ...more });

function plan(upstreamModel: string, body: ImageRequest, more: Partial<ImagePlanInput> = {}) {
  return planImage({
    request: body,
    image: { model: model(upstreamModel), price: PRICE },
    size: { width: 1024, height: 1536 },
    quality: 'premium',
    qualities: LADDER,
    altText: null,
    ...more,
  }).calls;
}

t.test('as many calls as the model needs, and never more images than requested', (t) => {
  for (const [name, calls] of [
    ['gpt-image-1', [3]],
    ['grok-2-image', [3]],
    ['dall-e-3', [1, 1, 1]],
    ['something-new', [1, 1, 1]],
  ] as const) {
    const planned = plan(name, wish({ count: 3 }));
    t.strictSame(
      planned.map(({ otherUnits }) => otherUnits.image),
      calls,
      name,
    );
    t.strictSame(
      planned.map(({ index }) => index),
      calls.map((_, index) => index),
    );
    const meters = planned.reduce((amounts, call) => worstCaseMeters(call, 0n, amounts), {});
    t.match(meters, { images: 3n, 'api.requests': 1n, 'calls.openai': BigInt(calls.length) });
  }
  t.end();
});

t.test('sizes and qualities in the terms of the provider', (t) => {
  t.match(plan('gpt-image-1', wish()), [{ image: { size: '1024x1536', quality: 'high' } }]);
  t.match(plan('dall-e-3', wish()), [{ image: { size: '1024x1792', quality: 'hd' } }], 'the nearest shape');
  t.match(plan('grok-2-image', wish()), [{ image: { size: null, quality: null } }], 'it cannot be told');
  t.match(plan('gpt-image-1', wish(), { size: null, quality: null }), [
    { image: { size: null, quality: null } },
  ]);
  const gpt = imageFormatOf('gpt-image-1');
  const dalle = imageFormatOf('dall-e-3');
  t.strictSame(
    LADDER.map((quality) => providerQuality(gpt, quality, LADDER)),
    ['low', 'medium', 'high'],
  );
  t.strictSame(
    LADDER.map((quality) => providerQuality(dalle, quality, LADDER)),
    ['standard', 'standard', 'hd'],
    'never more than the plan has',
  );
  t.equal(providerQuality(gpt, 'only', ['only']), 'high');
  t.equal(providerQuality(gpt, 'unknown', LADDER), null);
  t.equal(nearestSize(gpt, { width: 1920, height: 1080 }), '1536x1024');
  t.equal(imageFormatOf('constructor').imagesPerCall, 1);
  t.end();
});

t.test('adaptations to a platform', (t) => {
  const square = { width: 1024, height: 1024 };
  const story = { width: 1024, height: 1792 };
  const banner = { width: 1536, height: 1024 };
  t.equal(sizeForPlatform('tiktok', [square, story, banner]), story);
  t.equal(sizeForPlatform('youtube', [square, story, banner]), banner);
  t.equal(sizeForPlatform('youtube', [square]), square, 'of those the plan has');
  t.match(sizeForPlatform('youtube', []), { width: 16, height: 9 });

  const finished = wish({ enable_post_processing: true, platform: 'youtube', tone: 'bold' });
  t.match(imagePrompt(finished), /^A pen\nTone: bold\.\nFinish it .*YouTube/);
  t.notMatch(imagePrompt(wish({ platform: 'youtube' })), /YouTube/);
  const [sized] = plan('gpt-image-1', finished);
  const [unsized] = plan('grok-2-image', finished);
  t.strictSame(finishingOf(finished, sized as never), ['platform_style', 'platform_size']);
  t.strictSame(finishingOf(finished, unsized as never), ['platform_style'], 'only what was done');
  t.strictSame(finishingOf(wish(), sized as never), []);
  t.end();
});

t.test('the prompt of the description fits its bound for any revised prompt', (t) => {
  const body = wish({ prompt: '💧'.repeat(500), generate_alt_text: true });
  const altText = { model: WRITER, price: PRICE, outputTokensCap: 50 };
  const call = plan('dall-e-3', body, { altText }).at(-1);
  t.match(call, { step: 'alt_text', outputTokens: 50, otherUnits: {} });
  for (const drawn of ['', 'a pen', '💧'.repeat(5_000), 'x'.repeat(100_000)]) {
    t.ok(bytesBound(altTextMessages(body, drawn)) <= (call?.inputTokens ?? 0));
  }
  const thinking = { ...WRITER, capabilities: { ...WRITER.capabilities, reasoning: true } };
  const thought = plan('dall-e-3', body, { altText: { ...altText, model: thinking, outputTokensCap: null } });
  t.match(thought.at(-1), { outputTokens: 120 + 1_024, reasoningEffort: 'low' });
  t.end();
});

t.test('images are bounded by the documented units of their size and quality', (t) => {
  const gpt = imageFormatOf('gpt-image-1');
  t.equal(maxImageUnits(gpt, '1024x1536', 'high'), 6_240);
  t.equal(maxImageUnits(gpt, '1536x1024', 'low'), 400);
  t.equal(maxImageUnits(gpt, null, 'medium'), 1_584, 'the largest size, where the model decides');
  t.equal(maxImageUnits(gpt, '1024x1024', null), 4_160);
  t.equal(maxImageUnits(gpt, null, null), 6_240);
  t.equal(maxImageUnits(imageFormatOf('dall-e-3'), '1024x1024', 'hd'), 2);
  t.equal(maxImageUnits(imageFormatOf('grok-2-image'), null, null), 0, 'billed by the image');
  const price = {
    ...PRICE,
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { image: '0', image_unit: '1', input: '1' } }],
  };
  const [call] = planImage({
    request: wish({ count: 3 }),
    image: { model: model('gpt-image-1'), price },
    size: { width: 1024, height: 1536 },
    quality: 'premium',
    qualities: LADDER,
    altText: null,
  }).calls;
  t.strictSame(call?.otherUnits, { image: 3, image_unit: 18_720 });
  t.equal(call?.inputTokens, 3 * bytesBound([{ role: 'user', content: imagePrompt(wish({ count: 3 })) }]));
  t.end();
});

const TOKENS = {
  ...PRICE,
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { image: '0', image_unit: '4' } }],
};
const WITH_IMAGES = {
  ...PRICE,
  tiers: [
    {
      from_input_tokens: 0,
      pico_usd_per_unit: { image: '0', image_unit: '4', input: '1', image_input: '2' },
    },
  ],
};
const gptImage = (price: ModelPriceWire = WITH_IMAGES) => ({ model: model('gpt-image-1'), price });
const others = (...names: string[]) => names.map((name) => ({ model: model(name), price: TOKENS }));
const fallbacksOf = (calls: ReturnType<typeof plan>) => calls[0]?.fallbacks?.map((call) => call.model) ?? [];

t.test('fallbacks draw the same, in the same calls', (t) => {
  const chain = { fallbacks: others('gpt-image-1', 'grok-imagine-image') };
  const [first, second] = plan('dall-e-3', wish({ count: 2 }), chain);
  t.match(first?.fallbacks, [
    {
      index: 0,
      model: 'gpt-image-1',
      image: { size: '1024x1536', quality: 'high' },
      otherUnits: { image: 1 },
    },
    { index: 0, model: 'grok-imagine-image', image: { size: '2:3', quality: null } },
  ]);
  t.match(second?.fallbacks, [{ index: 1 }, { index: 1 }]);
  t.strictSame(
    fallbacksOf(
      plan('gpt-image-1', wish({ count: 2 }), { fallbacks: others('dall-e-3', 'grok-imagine-image') }),
    ),
    ['grok-imagine-image'],
    'one draws fewer in a call',
  );
  t.strictSame(
    fallbacksOf(plan('dall-e-3', wish({ quality: 'premium' }), chain)),
    ['gpt-image-1'],
    'one has no qualities, and the request names one',
  );
  const previews = wish({ stream: true, partial_images: 2, count: 2 });
  const streamed = plan('gpt-image-1', previews, { fallbacks: others('dall-e-3') });
  t.match(streamed, [{ image: { partials: 2 }, fallbacks: [{ model: 'dall-e-3' }] }, {}]);
  t.notOk(streamed[0]?.fallbacks?.[0]?.image?.partials, 'an image without previews is better than none');
  t.throws(() => plan('dall-e-3', previews), { code: 'unsupported_parameter' });
  t.end();
});

t.test('a style image is sent to a model that takes it, and described for the others', (t) => {
  const styled = wish({ style_image: 'iVBORw0KGgoAAAA=', count: 2 });
  const sees = { ...WRITER, capabilities: { ...WRITER.capabilities, vision: true } };
  const style = { model: sees, price: PRICE, outputTokensCap: null };
  const sent = plan('', styled, { image: gptImage(), style, fallbacks: others('grok-imagine-image') });
  t.equal(sent.length, 1, 'nothing is described');
  t.match(sent, [{ image: { sendsStyle: true }, otherUnits: { image: 2, image_input: 2 * 581 } }]);
  t.strictSame(fallbacksOf(sent), [], 'the others need a description');
  const prompt = imagePrompt(styled, ATTACHED_STYLE);
  t.ok(bytesBound([{ role: 'user', content: prompt }]) * 2 <= (sent[0]?.inputTokens ?? 0));

  const described = plan('dall-e-3', styled, { style, fallbacks: [gptImage()] });
  t.strictSame(
    described.map(({ step }) => step),
    ['image', 'image', 'style'],
  );
  t.strictSame(fallbacksOf(described), [], 'it would be drawn from the image');
  const unpriced = plan('', styled, { image: gptImage(TOKENS), style });
  t.match(unpriced, [{ otherUnits: { image_input: undefined } }, { step: 'style' }], 'no price, not sent');
  t.end();
});
