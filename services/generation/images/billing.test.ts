/** What images cost: as the provider reports it, else by size and quality. What is held bounds it. */
import { createServer } from 'node:http';
import t from 'tap';
import { imageRequest } from '#libs/contracts/images.ts';
import { planImage } from '#libs/pipelines/image.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { listenServerOnFreePort, request } from '#libs/testing/http.ts';
import { createTestGeneration } from '../fixtures.ts';

/** The prices of the price book: gpt-image-1 by tokens, dall-e-3 in steps of 4 cents. */
const PRICES: Record<string, Record<string, string>> = {
  'gpt-image-1': { image: '0', image_unit: '40000000', input: '5000000' },
  'dall-e-3': { image: '0', image_unit: '40000000000' },
  // grok2_basic and grok2_premium
  'grok-imagine-image': { image: '20000000000' },
  'grok-imagine-image-pro': { image: '70000000000' },
};

let answer: object = {};
let sent: Record<string, unknown> = {};
const vendor = await listenServerOnFreePort(
  t,
  createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      sent = JSON.parse(Buffer.concat(chunks).toString());
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  }),
);
const generation = await createTestGeneration(t, { OPENAI_BASE_URL: `${vendor}/v1` });

const images = (count: number) => Array.from({ length: count }, () => ({ b64_json: 'AAAA' }));

async function draw(
  upstreamModel: string,
  { count = 1, quality = 'premium', size = { width: 1024, height: 1536 } } = {},
) {
  const model: ModelInfo = {
    provider: 'openai',
    model: upstreamModel,
    aliases: [],
    upstreamModel,
    kind: 'image',
    contextWindow: 0,
    maxOutputTokens: 0,
    maxImageInputTokens: 0,
    tokenizer: null,
    capabilities: { vision: false, tools: false, jsonSchema: false, reasoning: false, streaming: false },
  };
  const price: ModelPriceWire = {
    provider: 'openai',
    model: upstreamModel,
    version: `openai/${upstreamModel}@test`,
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit: PRICES[upstreamModel] ?? {} }],
  };
  const body = imageRequest.parse({ prompt: '画'.repeat(500), count });
  const plan = planImage({
    request: body,
    image: { model, price },
    size,
    quality,
    qualities: ['standard', 'premium'],
    altText: null,
  });
  const { requestId, headers } = await generation.admit(plan);
  const { status } = await request(generation.workUrl, { headers, body });
  const { rows } = await generation.pool.query(
    `SELECT usage_source, overrun, input_tokens, other_classes, other_amounts, cost_nano_usd
       FROM usage_events WHERE hold_id = $1`,
    [requestId],
  );
  return { status, row: rows[0] };
}

t.test('given usage that the provider reports, then it is booked as reported', async (t) => {
  answer = {
    created: 1,
    data: images(1),
    usage: { input_tokens: 1_100, output_tokens: 6_240, total_tokens: 7_340 },
  };
  t.match(await draw('gpt-image-1'), {
    status: 200,
    row: {
      usage_source: 'provider',
      overrun: false,
      input_tokens: 1_100n,
      other_classes: ['image', 'image_unit'],
      other_amounts: [1n, 6_240n],
      // 1,100 × 5 USD and 6,240 × 40 USD a million
      cost_nano_usd: 255_100_000n,
    },
  });
});

t.test('given usage below the bound, then what was drawn counts, not what was held', async (t) => {
  answer = {
    created: 1,
    data: images(2),
    usage: { input_tokens: 20, output_tokens: 544, total_tokens: 564 },
  };
  const { row } = await draw('gpt-image-1', { count: 2, quality: 'standard' });
  t.match(row, { usage_source: 'provider', other_amounts: [2n, 544n], cost_nano_usd: 21_860_000n });
});

t.test('given a model that must report usage and does not, then the call counts at its bound', async (t) => {
  answer = { created: 1, data: images(1) };
  const { status, row } = await draw('gpt-image-1');
  t.equal(status, 200);
  t.match(row, {
    usage_source: 'bound',
    other_classes: ['image', 'image_unit'],
    other_amounts: [1n, 6_240n],
  });
  t.ok(row.input_tokens >= 1_500n, 'every byte of the prompt');
  t.equal(row.cost_nano_usd, 249_600_000n + row.input_tokens * 5_000n);
});

t.test('given a price list by size and quality, then each image costs its own price', async (t) => {
  answer = { created: 1, data: images(1) };
  const square = { width: 1024, height: 1024 };
  for (const [quality, size, cost_nano_usd] of [
    ['standard', square, 40_000_000n],
    ['standard', { width: 1792, height: 1024 }, 80_000_000n],
    ['premium', square, 80_000_000n],
    ['premium', { width: 1024, height: 1792 }, 120_000_000n],
  ] as const) {
    const { row } = await draw('dall-e-3', { quality, size });
    t.match(row, { usage_source: 'provider', cost_nano_usd }, `${quality} ${size.width}x${size.height}`);
  }
});

t.test('given grok2_basic or grok2_premium, then resolution and price differ', async (t) => {
  answer = { created: 1, data: images(1) };
  const basic = await draw('grok-imagine-image');
  t.match(sent, { model: 'grok-imagine-image', aspect_ratio: '2:3' });
  t.notOk('resolution' in sent, '1,024 pixels');
  const premium = await draw('grok-imagine-image-pro');
  t.match(sent, { model: 'grok-imagine-image-pro', aspect_ratio: '2:3', resolution: '2k' });
  t.match([basic.row, premium.row], [{ cost_nano_usd: 20_000_000n }, { cost_nano_usd: 70_000_000n }]);
});
