/** Parts that are not texts: what they cost, where they are stored, and what a failure of one leaves to the others. */
import t from 'tap';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createTestGeneration, imagePriceOf, priceOf } from '../fixtures.ts';
import { jobClient, MODEL } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const client = jobClient(generation);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const IMAGE = 'dall-e-3';
const CHARACTER_PRICE = 15_000_000n;
const modelsWith = (faults: { image?: string; vision?: string } = {}) => {
  const base = { ...MODEL, contextWindow: 0, maxOutputTokens: 0 };
  const upstream = (model: string, fault?: string) =>
    fault === undefined ? model : `${model}#fault=${fault}`;
  const sees = { ...MODEL.capabilities, vision: true };
  return {
    image: {
      image: {
        model: {
          ...base,
          model: IMAGE,
          upstreamModel: upstream(IMAGE, faults.image),
          kind: 'image' as const,
        },
        price: imagePriceOf('openai', IMAGE),
      },
      quality: 'premium',
      qualities: ['standard', 'premium'],
    },
    vision: {
      model: {
        ...MODEL,
        upstreamModel: upstream(MODEL.model, faults.vision),
        maxImageInputTokens: 2_000,
        capabilities: sees,
      },
      price: priceOf('openai', MODEL.model),
    },
    speech: {
      model: { ...base, model: 'tts-1', upstreamModel: 'tts-1', kind: 'speech' as const },
      price: {
        ...priceOf('openai', 'tts-1'),
        tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { character: String(CHARACTER_PRICE) } }],
      },
    },
  };
};

const ARTICLE = { topic: 'fountain pens', content_types: ['blog'], length: 'short', hero_image: true };

async function documentOf(id: string | null | undefined) {
  const { body } = await client.call<{ content: Record<string, string>; markdown: string }>(
    'GET',
    `/api/documents/${id}`,
  );
  return body;
}

t.test('given a hero image and a voice-over, then both are stored, priced and described', async (t) => {
  const { requestId: id, status } = await client.submit(
    { ...ARTICLE, content_types: ['blog', 'audio'], voice_over: 'coral' },
    { mediaModels: modelsWith() },
  );
  t.equal(status, 202);
  await client.finish(id);
  const job = await client.get(id);
  t.match(job, { status: 'completed', percent: 100 });
  t.strictSame(
    job.parts.map(({ content_type: part, status }) => [part, status]),
    [
      ['blog', 'completed'],
      ['audio', 'completed'],
      ['hero_image', 'completed'],
      ['voice_over', 'completed'],
    ],
  );
  const documents = new Map(job.parts.map((part) => [part.content_type, part.document_id]));
  const image = await documentOf(documents.get('hero_image'));
  t.match(image.content, { media_type: 'image/png', width: 256, height: 146, alt_text: /\w/ });
  t.equal(image.markdown, `![${image.content.alt_text}](/api/media/${image.content.media_id})`);
  const recording = await documentOf(documents.get('voice_over'));
  t.match(recording.content, { media_type: 'audio/mpeg', voice: 'coral' });
  for (const { content } of [image, recording]) {
    const { status, body } = await client.call('GET', `/api/media/${content.media_id}`);
    t.match({ status, body }, { status: 200, body: { media_type: content.media_type, size_bytes: /\d/ } });
  }

  const rows = new Map((await generation.rows(id)).map((row) => [row.step, row]));
  t.match(rows.get('hero_image.draw'), {
    status: 'ok',
    cost_nano_usd: 40_000_000n,
    usage_source: 'provider',
  });
  t.match(rows.get('hero_image.describe'), { status: 'ok', overrun: false });
  const speech = rows.get('voice_over.speak');
  const script = await documentOf(documents.get('audio'));
  const spoken = (script.content.parts as unknown as { text: string }[]).map(({ text }) => text.trim());
  t.match(speech, { status: 'ok', usage_source: 'provider' });
  t.equal(speech?.cost_nano_usd, (BigInt([...spoken.join('\n\n')].length) * CHARACTER_PRICE) / 1_000n);
  t.equal((await generation.counters()).images?.used, 1n);
  t.equal(await generation.holdState(id), 'closed');
  t.strictSame(await findBreaches(generation.pool), []);
});

t.test('given an image that is refused, then the article is delivered, and a retry draws only', async (t) => {
  const { requestId: id } = await client.submit(ARTICLE, { mediaModels: modelsWith({ image: 'moderated' }) });
  await client.finish(id);
  const failed = await client.get(id);
  t.match(failed, {
    status: 'failed',
    parts: [
      { content_type: 'blog', status: 'completed', document_id: /\w/ },
      { content_type: 'hero_image', status: 'failed', document_id: null },
    ],
    error: { code: 'provider_refused', step: 'hero_image.draw' },
  });
  t.equal(await generation.holdState(id), 'closed');

  const done = failed.steps.filter(({ status }) => status === 'succeeded').map(({ step }) => step);
  const retry = await client.submit(ARTICLE, { resume: id, done, mediaModels: modelsWith() });
  await client.finish(id);
  t.match(await client.get(id), {
    status: 'completed',
    parts: [{}, { status: 'completed', document_id: /\w/ }],
  });
  const rows = await generation.rows(retry.requestId);
  t.strictSame(
    rows.map(({ step }) => step),
    ['hero_image.draw', 'hero_image.describe'],
  );
});

t.test('given an image that cannot be described, then its text alternative is the title', async (t) => {
  const { requestId: id } = await client.submit(ARTICLE, {
    mediaModels: modelsWith({ vision: 'malformed' }),
  });
  await client.finish(id);
  const job = await client.get(id);
  t.equal(job.status, 'completed');
  t.match(job.steps.at(-1), { step: 'hero_image.describe', warnings: [/title/] });
  const { content } = await documentOf(job.parts.at(-1)?.document_id);
  t.equal(content.alt_text, content.title);
});

t.test('given options without what they are made from, then they are refused', async (t) => {
  await t.rejects(client.submit({ ...ARTICLE, content_types: ['social'] }), /hero_image/);
  await t.rejects(client.submit({ topic: 'ink', voice_over: 'coral' }), /voice_over/);
});

t.test('given a script of several pieces, then they are one recording, and each is priced', async (t) => {
  const asked = { topic: 'rivers', content_types: ['audio'], voice_over: 'coral', length: 1_200 };
  const { requestId: id } = await client.submit(asked, { mediaModels: modelsWith() });
  await client.finish(id);
  const job = await client.get(id);
  t.match(job, { status: 'completed' });
  const spoken = (await generation.rows(id)).filter(({ step }) => step.startsWith('voice_over'));
  t.ok(spoken.length > 1);
  const script = await documentOf(job.parts[0]?.document_id);
  const text = (script.content.parts as unknown as { text: string }[]).map((part) => part.text.trim());
  const cost = spoken.reduce((sum, row) => sum + row.cost_nano_usd, 0n);
  const whole = BigInt([...text.join('\n\n')].length);
  const between = BigInt(2 * (spoken.length - 1));
  t.ok(cost <= (whole * CHARACTER_PRICE) / 1_000n);
  t.ok(cost >= ((whole - between) * CHARACTER_PRICE) / 1_000n, 'white space between pieces is not spoken');
  t.ok(spoken.every(({ overrun }) => !overrun));

  const { media_id: media } = (await documentOf(job.parts[1]?.document_id)).content;
  const { body } = await client.call<{ size_bytes: number }>('GET', `/api/media/${media}`);
  const seconds = Number(whole) / 15;
  t.ok(body.size_bytes > seconds * 8_000 * 0.95, 'all that was spoken');
  // The pieces are deleted after the job has ended.
  await until(async () => {
    const list = await client.call<{ data: { created_at: string }[] }>('GET', '/api/media?limit=100');
    return list.body.data.filter(({ created_at: at }) => at >= String(job.created_at)).length === 1;
  });
});

t.test('given models that are down, then others draw and speak', async (t) => {
  const { image, vision, speech } = modelsWith({ image: 'status=503' });
  const grok = {
    ...image.image.model,
    provider: 'xai',
    model: 'grok2_basic',
    upstreamModel: 'grok-imagine-image',
  };
  const mediaModels = {
    image: { ...image, fallbacks: [{ model: grok, price: imagePriceOf('xai', 'grok2_basic') }] },
    vision,
    speech: {
      ...speech,
      model: { ...speech.model, upstreamModel: 'tts-1' },
      fallbacks: [{ ...speech, model: { ...speech.model, model: 'tts-1-hd', upstreamModel: 'tts-1-hd' } }],
    },
  };
  const { requestId: id } = await client.submit(
    { ...ARTICLE, content_types: ['blog', 'audio'], voice_over: 'coral' },
    { mediaModels },
  );
  await client.finish(id);
  const job = await client.get(id);
  t.match(job, { status: 'completed' });
  t.equal(job.steps.find(({ step }) => step === 'hero_image.draw')?.model, 'grok2_basic');
  const drawn = (await generation.rows(id)).find(({ step }) => step === 'hero_image.draw');
  t.match(drawn, { provider: 'xai', model: 'grok2_basic', status: 'ok', overrun: false });
  t.strictSame(await findBreaches(generation.pool), []);
});
