/** Content from a recording: transcribed once, priced by the second, each part delivered by itself. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type RecordingView, STORE_RECORDING_PATH } from '#libs/contracts/recordings.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { silence } from '#libs/simulators/audio.ts';
import { ACCOUNT, CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { jobClient, MODEL, MODERATION } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const { pool, sign, url } = generation;
const client = jobClient(generation);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const WHISPER = { ...MODEL, model: 'whisper-1', upstreamModel: 'whisper-1', kind: 'audio' as const };
/** Pico-USD: 0.006 USD a minute. */
const SECOND_PRICE = 100_000_000n;
const tiers = [{ from_input_tokens: 0, pico_usd_per_unit: { audio_second: String(SECOND_PRICE) } }];
const price = { provider: 'openai', model: 'whisper-1', version: 'openai/whisper-1@test', tiers };
const models = { mediaModels: { transcription: { model: WHISPER, price } }, moderation: MODERATION };
const SECONDS = 420;

async function upload(
  seconds: number,
  caller = CALLER,
  words = '',
  requestId = randomUUID(),
): Promise<RecordingView> {
  const path = `${STORE_RECORDING_PATH}?seconds=${seconds}`;
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      ...sign(path, { method: 'POST', caller }),
      'content-type': 'audio/wav',
      'x-request-id': requestId,
    },
    body: Uint8Array.from(Buffer.concat([silence(seconds), Buffer.from(words)])),
  });
  t.equal(response.status, 201);
  return (await response.json()) as RecordingView;
}

const documentsOf = async (id: string) => {
  const { rows } = await pool.query(
    `SELECT type, documents.title, language, content, markdown FROM documents
       JOIN document_versions ON document_id = id WHERE generation_id = $1`,
    [id],
  );
  return Object.fromEntries(rows.map((row) => [row.type, row]));
};

t.test(
  'given the pipeline of a content kit, then a recording becomes each part, and one document with all of them',
  async (t) => {
    const recording = await upload(SECONDS);
    t.match(recording, { media_type: 'audio/wav', seconds: SECONDS, size_bytes: 44 + SECONDS * 8_000 });
    const body = { recording_id: recording.id, pipeline: 'content_kit', length: 450 };
    const { requestId: id } = await client.submit(body, models);
    const events = await client.finish(id);
    t.match(events.at(-1), { event: 'completed', data: { percent: 100 } });
    const started = events.filter(({ event, data }) => event === 'step' && data.status === 'running');
    t.strictSame(
      started.slice(0, 1).map(({ data }) => [data.step, data.message]),
      [['transcript.write', 'Transcribing the recording']],
    );
    t.same(
      started
        .slice(1, 3)
        .map(({ data }) => data.message)
        .sort(),
      ['Reading piece 1 of the transcript', 'Reading piece 2 of the transcript'],
    );
    t.match(started[3]?.data, { step: 'insights.write', message: 'Extracting insights' });

    const job = await client.get(id);
    t.match(job, { status: 'completed', language: 'en' });
    t.strictSame(
      job.parts.map(({ content_type: type, status }) => [type, status]),
      ['blog', 'social', 'image_prompts', 'transcript', 'insights', 'content_kit'].map((type) => [
        type,
        'completed',
      ]),
    );
    const documents = await documentsOf(id);
    const { transcript, insights, blog, social, image_prompts: prompts } = documents;
    t.match(transcript, { language: 'en', content: { seconds: SECONDS, recording_id: recording.id } });
    t.match(transcript?.markdown, /^# This is what the recording.+\n\n[\s\S]+\n\n/, 'in paragraphs');
    t.match(insights?.content, {
      title: String,
      summary: String,
      insights: [{ point: String, detail: String }],
      quotes: [String],
      questions: [String],
    });
    t.match(blog?.content, { slug: String, meta_description: String, outline: [{ heading: String }] });
    t.strictSame(
      social?.content.posts.map(({ network }: { network: string }) => network),
      ['linkedin', 'x', 'facebook', 'instagram', 'threads'],
      'five posts',
    );
    t.equal(prompts?.content.prompts.length, 4);
    const { content: kit, markdown } = documents.content_kit ?? {};
    t.strictSame(kit.transcript, transcript?.content);
    t.strictSame(kit.insights, insights?.content);
    t.strictSame(kit.outline, { title: blog?.title, sections: blog?.content.outline });
    t.strictSame({ ...kit.article, outline: kit.outline.sections }, blog?.content);
    t.strictSame(kit.posts, social?.content.posts);
    t.strictSame(kit.image_prompts, prompts?.content.prompts);
    t.strictSame(
      markdown.match(/^## [^:\n]+/gm),
      ['Article', 'Posts', 'Image prompts', 'Insights', 'Transcript'].map((label) => `## ${label}`),
    );
    t.equal(markdown.match(/^# /gm)?.length, 1, 'one title');
    t.match(markdown, /^### LinkedIn$/m);
    t.equal(
      events.filter(({ event, data }) => event === 'content' && data.content_type === 'content_kit').length,
      0,
      'its text is that of the other parts',
    );
    t.match(job.steps[0], { step: 'transcript.write', model: 'whisper-1' });

    const rows = await generation.rows(id);
    t.match(
      rows.find(({ step }) => step === 'transcript.write'),
      { status: 'ok', cost_nano_usd: (BigInt(SECONDS) * SECOND_PRICE) / 1_000n, meters: /audio\.seconds/ },
      'priced by the second',
    );
    t.equal(rows.filter(({ meters }) => meters.includes('audio.seconds')).length, 1);
    t.match(
      rows.find(({ step }) => step === 'safety'),
      { status: 'ok', cost_nano_usd: 0n, meters: ['cost', 'gen.transcript'] },
      'what is spoken is moderated, for nothing',
    );
    t.equal(await generation.holdState(id), 'closed');
  },
);

t.test(
  'given a recording that is deleted before its job runs, then the job fails without any cost',
  async (t) => {
    const { id: recording } = await upload(5);
    const body = { recording_id: recording, content_types: ['transcript', 'social'], language: 'pl' };
    await pool.query('UPDATE media_files SET storage_key = $2 WHERE id = $1', [recording, 'media/gone']);
    const { requestId: id } = await client.submit(body, models);
    t.match((await client.finish(id)).at(-1), { event: 'failed' });
    const job = await client.get(id);
    t.match(job, {
      error: { code: 'not_found', detail: 'The recording has been deleted.', step: 'transcript.write' },
      usage: { cost_usd: '0.000000000' },
    });
    t.match(job.steps[0], { message: 'Transkrypcja nagrania', status: 'failed' });
    t.equal(await generation.holdState(id), 'closed');
  },
);

t.test('given a recording whose words are flagged, then nothing is written from it', async (t) => {
  const { id: recording } = await upload(5, CALLER, '[[say: How to stab a friend.]]');
  const body = { recording_id: recording, content_types: ['transcript', 'social'] };
  const { requestId: id } = await client.submit(body, models);
  t.match((await client.finish(id)).at(-1), {
    event: 'failed',
    data: { error: { code: 'prompt_refused', detail: /violence/, step: 'transcript.write' } },
  });
  t.strictSame(
    (await generation.rows(id)).map(({ step, status }) => [step, status]),
    [
      ['transcript.write', 'ok'],
      ['safety', 'ok'],
    ],
  );
  t.strictSame(await documentsOf(id), {});
  t.equal(await generation.holdState(id), 'closed');
});

t.test('given an upload whose answer was lost, then its repeat returns the same recording', async (t) => {
  const requestId = randomUUID();
  const other = { ...CALLER, accountId: OTHER_ACCOUNT };
  const first = await upload(5, other, '', requestId);
  t.strictSame(await upload(5, other, '', requestId), first);
  t.not((await upload(5, other)).id, first.id, 'another request is another recording');
});

t.test('given a recording of another account, then there is none', async (t) => {
  const other = { ...CALLER, accountId: OTHER_ACCOUNT };
  const { id } = await upload(5, other);
  t.match(await client.readInputs({ recording_id: id }), { status: 404, body: { code: 'not_found' } });
  t.match(await client.readInputs({ recording_id: id }, other), {
    status: 200,
    body: { recording: { id, seconds: 5, media_type: 'audio/wav' } },
  });
  const { rows } = await pool.query('SELECT count(*)::integer AS n FROM media_files WHERE account_id = $1', [
    ACCOUNT,
  ]);
  t.equal(rows[0].n, 3);
  t.strictSame(await findBreaches(pool), []);
});
