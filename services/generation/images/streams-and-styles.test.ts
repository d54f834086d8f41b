/** Images that are streamed while they are drawn, and images in the style of another one. */
import sharp from 'sharp';
import t from 'tap';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { planImage } from '#libs/pipelines/image.ts';
import { ATTACHED_STYLE } from '#libs/pipelines/image-descriptions.ts';
import { request } from '#libs/testing/http.ts';
import { imagePriceOf, priceOf } from '../fixtures.ts';
import { type Answer, createImageTests, DALLE, modelOf, planFor, wish } from './images.fixture.ts';

const { generation, draw } = await createImageTests(t);
const { url, workUrl: route } = generation;

/** One image by the model that streams previews, at the prices of the price book. */
function streamedPlan(body: ImageRequest, upstreamModel = 'gpt-image-1'): CallPlan {
  const unitPrices = { image: '0', image_unit: '40000000', input: '5000000' };
  const plan = planImage({
    request: body,
    image: {
      model: modelOf('openai', 'gpt_image_1', { kind: 'image', upstreamModel: 'gpt-image-1' }),
      price: {
        ...imagePriceOf('openai', 'gpt_image_1'),
        tiers: [{ from_input_tokens: 0, pico_usd_per_unit: unitPrices }],
      },
    },
    size: { width: 1024, height: 1024 },
    quality: 'draft',
    qualities: ['draft', 'premium'],
    altText: null,
  });
  return { ...plan, calls: plan.calls.map((call) => ({ ...call, upstreamModel })) };
}

async function drawEvents(body: ImageRequest, plan: CallPlan, options: { storeResponse?: boolean } = {}) {
  const { requestId, headers } = await generation.admit(plan, options);
  const response = await fetch(route, { method: 'POST', headers, body: JSON.stringify(body) });
  const events: { event: string; data: Answer }[] = [];
  for await (const { event, data } of parseSse(response.body as AsyncIterable<Uint8Array>))
    events.push({ event, data: JSON.parse(data) });
  return { requestId, status: response.status, events, rows: await generation.rows(requestId) };
}

t.test('given a stream with previews, then they come before their image, and are billed', async (t) => {
  const body = wish({ stream: true, partial_images: 2, count: 2 });
  const plan = streamedPlan(body);
  t.strictSame(
    plan.calls.map(({ otherUnits }) => otherUnits.image_unit),
    [272 + 200, 272 + 200],
    'held with the previews',
  );
  const { status, events, rows, requestId } = await drawEvents(body, plan, { storeResponse: true });
  t.equal(status, 200);
  for (const index of [0, 1]) {
    const own = events.filter(({ event, data }) => event !== 'complete' && data.index === index);
    t.match(own, [
      { event: 'partial_image', data: { partial_image_index: 0, b64_json: /^iVBOR/ } },
      { event: 'partial_image', data: { partial_image_index: 1, b64_json: /^iVBOR/ } },
      { event: 'image', data: { b64_json: /^iVBOR/, media_type: 'image/png', width: 256 } },
    ]);
  }
  t.match(events.at(-1), {
    event: 'complete',
    data: { images: [{ b64_json: null }, { b64_json: null }], incomplete: [] },
  });
  t.match(rows, [
    { status: 'ok', usage_source: 'provider', overrun: false },
    { status: 'ok', usage_source: 'provider', overrun: false },
  ]);
  const [row] = rows;
  t.equal(row?.cost_nano_usd, 472n * 40_000n + BigInt(row?.input_tokens ?? 0) * 5_000n);
  const path = `/internal/results/${requestId}`;
  const stored = await request<Answer>(`${url}${path}`, { headers: generation.sign(path) });
  const kept = Buffer.from(stored.body.body_base64, 'base64').toString();
  t.equal(kept.match(/^event: image$/gm)?.length, 2);
  t.equal(kept.match(/^event: complete$/gm)?.length, 1);
});

t.test('given a stream of another model, then each image is an event', async (t) => {
  const body = wish({ stream: true, count: 2, generate_alt_text: true });
  const { status, events } = await drawEvents(body, planFor(body));
  t.equal(status, 200);
  t.strictSame(events.map(({ event }) => event).toSorted(), ['complete', 'image', 'image']);
  t.match(events.at(-1)?.data.images, [{ alt_text: /\w/ }, { alt_text: /\w/ }]);
  const wanted = wish({ stream: true, partial_images: 1 });
  t.throws(() => planFor(wanted), { code: 'unsupported_parameter' });
});

t.test('given a stream that fails, then its status says so, or its last event', async (t) => {
  const refused = wish({ stream: true, prompt: 'A pen [[simulate: moderated]]' });
  const { status, body, rows } = await draw(refused);
  t.match({ status, body }, { status: 422, body: { code: 'provider_refused' } });
  t.match(rows, [{ cost_nano_usd: 0n }]);

  const cut = wish({ stream: true, partial_images: 2 });
  const broken = await drawEvents(cut, streamedPlan(cut, 'gpt-image-1#cut=1'));
  t.equal(broken.status, 200);
  t.match(
    broken.events.map(({ event }) => event),
    ['partial_image', 'error'],
  );
  t.match(broken.rows, [{ status: 'error', usage_source: 'bound' }]);
  t.equal(broken.rows[0]?.attempts, 1, 'it is not drawn again');
  t.equal(await generation.holdState(broken.requestId), 'closed');
});

t.test(
  'given a style image, then a model that sees describes it, and the image is drawn in it',
  async (t) => {
    const style = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#204060' } })
      .jpeg()
      .toBuffer();
    const body = wish({ style_image: style.toString('base64') });
    const sees = { ...modelOf('openai', 'gpt-4o', {}), maxImageInputTokens: 2_000 };
    const vision = {
      model: { ...sees, capabilities: { ...sees.capabilities, vision: true } },
      price: priceOf('openai', 'gpt-4o'),
      outputTokensCap: null,
    };
    const styledPlan = (asked: ImageRequest, describing = vision) =>
      planImage({
        request: asked,
        image: DALLE,
        ...{ size: null, quality: null, qualities: [], altText: null },
        style: describing,
      });
    const { status, rows } = await draw(body, styledPlan(body));
    t.equal(status, 200);
    t.match(rows, [
      { step: 'image', status: 'ok' },
      { step: 'style', status: 'ok', overrun: false },
    ]);
    const plain = await draw(wish());
    t.ok(Number(rows[0]?.request_bytes) > Number(plain.rows[0]?.request_bytes), 'its prompt says the style');

    const failing = { ...vision, model: { ...vision.model, upstreamModel: 'gpt-4o#status=400' } };
    const failed = await draw(body, styledPlan(body, failing));
    t.match(failed, { status: 400, rows: [{ step: 'style', status: 'error', cost_nano_usd: 0n }] });
    t.equal(failed.rows.length, 1, 'nothing is drawn without its style');
    const unreadable = wish({ style_image: `iVBORw0KGgo${'A'.repeat(37)}` });
    t.match(await draw(unreadable, styledPlan(unreadable)), {
      status: 400,
      body: { code: 'invalid_request', param: 'style_image' },
      rows: [],
    });
    const blind = { ...vision, model: sees };
    t.throws(() => styledPlan(body, blind), { code: 'model_not_in_plan' });
  },
);

t.test('given a style image, then a model that takes it draws from it, and bills its tokens', async (t) => {
  const picture = (background: string) =>
    sharp({ create: { width: 64, height: 32, channels: 3, background } })
      .jpeg()
      .toBuffer();
  const price = {
    ...imagePriceOf('openai', 'gpt_image_1'),
    version: 'openai/gpt_image_1@with-images',
    tiers: [
      {
        from_input_tokens: 0,
        pico_usd_per_unit: { image: '0', image_unit: '40000000', input: '5000000', image_input: '10000000' },
      },
    ],
  };
  const styled = async (style: Buffer, more: object = {}) => {
    const body = wish({ style_image: style.toString('base64'), ...more });
    const plan = planImage({
      request: body,
      image: {
        model: modelOf('openai', 'gpt_image_1', { kind: 'image', upstreamModel: 'gpt-image-1' }),
        price,
      },
      size: { width: 1024, height: 1024 },
      quality: 'draft',
      qualities: ['draft', 'premium'],
      altText: null,
    });
    return { body, plan };
  };
  const red = await styled(await picture('#ff0000'));
  const first = await draw(red.body, red.plan);
  t.equal(first.status, 200, JSON.stringify(first.body));
  const [row] = first.rows;
  const text = Math.ceil(`A fountain pen\nDraw it in this style: ${ATTACHED_STYLE}`.length / 4);
  t.match(row, {
    step: 'image',
    status: 'ok',
    usage_source: 'provider',
    overrun: false,
    endpoint: 'images.edits',
  });
  t.equal(row?.cost_nano_usd, BigInt(272 * 40_000 + text * 5_000 + 194 * 10_000));
  const blue = await styled(await picture('#0000ff'));
  const second = await draw(blue.body, blue.plan);
  t.not(second.body.images[0].b64_json, first.body.images[0].b64_json, 'another style is another image');

  const streamed = await styled(await picture('#00ff00'), { stream: true, partial_images: 1 });
  const { events } = await drawEvents(streamed.body, streamed.plan);
  t.strictSame(
    events.map(({ event }) => event),
    ['partial_image', 'image', 'complete'],
  );
  const broken = await styled(Buffer.from('iVBORw0KGgoAAAA=', 'base64'));
  t.match(await draw(broken.body, broken.plan), { status: 400, body: { param: 'style_image' }, rows: [] });
});
