/** The same faults behind every API with a vendor: a call that was sent is never free, however it ends. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import sharp from 'sharp';
import t from 'tap';
import { speechRequest, transcriptionOrder } from '#libs/contracts/audio.ts';
import { type CallPlan, encodeFields } from '#libs/contracts/generation-requests.ts';
import { imageRequest } from '#libs/contracts/images.ts';
import { planSpeech, planTranscription } from '#libs/pipelines/audio.ts';
import { planEmbedding } from '#libs/pipelines/embedding.ts';
import { planImage } from '#libs/pipelines/image.ts';
import { worstCaseOf } from '#libs/pipelines/meters.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { chatPlan, createTestGeneration } from '../fixtures.ts';

let handler: (response: ServerResponse) => void = () => {};
const server = createServer((incoming, response) => {
  incoming.resume().on('end', () => {
    handler(response);
    server.emit('handled');
  });
});
const generation = await createTestGeneration(t, {
  OPENAI_BASE_URL: `${await listenServerOnFreePort(t, server)}/v1`,
  DRAIN_TIMEOUT: '100ms',
  DEADLINE_MARGIN: '0ms',
});

const model = (kind: ModelInfo['kind'], upstreamModel: string) =>
  ({ provider: 'openai', model: upstreamModel, upstreamModel, kind }) as ModelInfo;
const price = (name: string, pico_usd_per_unit: Record<string, string>): ModelPriceWire => ({
  ...{ provider: 'openai', model: name, version: `openai/${name}@every-api` },
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit }],
});
const drawing = {
  model: model('image', 'gpt-image-1'),
  price: price('gpt-image-1', { image: '0', image_unit: '40000', input: '5000', image_input: '10000' }),
};
const style = sharp({ create: { width: 8, height: 8, channels: 3, background: '#00f' } }).png();

function imageApi(more: object) {
  const body = imageRequest.parse({ prompt: 'A pen', ...more });
  const settings = { size: null, quality: null, qualities: [], altText: null };
  return { plan: planImage({ request: body, image: drawing, ...settings }), body: JSON.stringify(body) };
}

type Api = {
  plan: CallPlan;
  body: string | Buffer;
  /** What its vendor answers with a usage of zero, or a stream that lacks it. */
  zero: object | string;
};

const image = { b64_json: 'AAAA' };
const NO_TOKENS = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
const APIS: Record<string, Api> = {
  chat: {
    plan: chatPlan('openai', { hiddenReasoning: true }),
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] }),
    zero: {
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    },
  },
  embeddings: {
    plan: planEmbedding(model('embedding', 'small'), price('small', { input: '20000' }), 40),
    body: JSON.stringify({ model: 'small', input: 'Ink' }),
    zero: { data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 0, total_tokens: 0 } },
  },
  transcriptions: {
    plan: planTranscription(
      { model: model('audio', 'whisper-1'), price: price('whisper-1', { audio_second: '100000' }) },
      90,
    ),
    body: Buffer.concat([
      encodeFields(
        transcriptionOrder.parse({
          ...{ model: 'whisper-1', response_format: 'text' },
          ...{ file_name: 'talk.wav', file_type: 'audio/wav' },
        }),
      ),
      Buffer.from('RIFF'),
    ]),
    zero: { text: 'Hello', usage: { type: 'duration', seconds: 0 } },
  },
  speech: {
    plan: planSpeech(
      { model: model('speech', 'tts-1'), price: price('tts-1', { character: '15000' }) },
      'Hello there',
    ),
    body: JSON.stringify(speechRequest.parse({ model: 'tts-1', input: 'Hello there', voice: 'alloy' })),
    zero: 'a recording, without figures',
  },
  images: { ...imageApi({}), zero: { data: [image], usage: NO_TOKENS } },
  'image edits': {
    ...imageApi({ style_image: (await style.toBuffer()).toString('base64') }),
    zero: { data: [image], usage: NO_TOKENS },
  },
  'image streams': {
    ...imageApi({ stream: true, partial_images: 1 }),
    zero: `data: ${JSON.stringify({ type: 'image_generation.completed', ...image, usage: NO_TOKENS })}\n\n`,
  },
};

async function send({ plan, body }: Api, signal?: AbortSignal) {
  const { requestId, headers } = await generation.admit(plan);
  const answer = fetch(generation.workUrl, { method: 'POST', headers, body, ...(signal && { signal }) });
  return { requestId, answer };
}

async function rowOf(requestId: string) {
  t.equal(await generation.holdState(requestId), 'closed');
  const rows = await generation.rows(requestId);
  t.equal(rows.length, 1);
  return rows[0];
}

for (const [name, api] of Object.entries(APIS)) {
  const held = worstCaseOf(api.plan).cost ?? 0n;

  t.test(
    `given ${name} whose connection is reset after it was sent, then what was held counts`,
    async (t) => {
      let requests = 0;
      handler = (response) => {
        requests += 1;
        response.socket?.resetAndDestroy();
      };
      const { requestId, answer } = await send(api);
      await (await answer).text();
      t.match(await rowOf(requestId), { status: 'error', usage_source: 'bound', cost_nano_usd: held });
      t.equal(requests, 1, 'it is not sent again');
    },
  );

  t.test(`given ${name} whose client leaves, then it is drained, and counts`, async (t) => {
    handler = () => {};
    const controller = new AbortController();
    const handled = once(server, 'handled');
    const { requestId, answer } = await send(api, controller.signal);
    answer.catch(() => undefined);
    await handled;
    controller.abort();
    t.match(await rowOf(requestId), { status: 'aborted', usage_source: 'bound', cost_nano_usd: held });
  });

  t.test(`given ${name} with a usage of zero, then it is not free`, async (t) => {
    const isStream = typeof api.zero === 'string';
    handler = (response) =>
      response
        .writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' })
        .end(isStream ? api.zero : JSON.stringify(api.zero));
    const { requestId, answer } = await send(api);
    t.equal((await answer).status, 200);
    const row = await rowOf(requestId);
    t.match(row, { status: 'ok', overrun: false });
    t.ok(row !== undefined && row.cost_nano_usd > 0n && row.cost_nano_usd <= held);
  });
}
