/** OpenAI's SDK against transcriptions and speech, on the plan that sells minutes of audio. */
import { once } from 'node:events';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import OpenAI, { toFile } from 'openai';
import t, { type Test } from 'tap';
import { until } from '#libs/jobs/fixtures.ts';
import { silence } from '#libs/simulators/audio.ts';
import { RECORDINGS } from '#libs/testing/recordings.ts';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'whisperforge');
const buyer = await customer('business');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const MIB = 1024 * 1024;
const wav = (seconds: number) => toFile(silence(seconds), 'talk.wav', { type: 'audio/wav' });
const transcribe = async (file: Parameters<typeof toFile>[0], more: object = {}) =>
  client.audio.transcriptions.create({ file: (await file) as File, model: 'whisper-1', ...more });

/** Rejects with an error of the SDK. */
async function refused(t: Test, asked: PromiseLike<unknown>, expected: object, name?: string): Promise<void> {
  const outcome = await Promise.resolve(asked).catch((error: unknown) => error);
  t.match(outcome, expected, name ?? 'refused');
}

async function usage() {
  const { rows } = await pool.query(
    `SELECT provider, step, status, usage_source, overrun, cost_nano_usd, other_classes, other_amounts
       FROM usage_events WHERE account_id = $1 ORDER BY occurred_at`,
    [buyer.accountId],
  );
  return rows;
}

async function seconds() {
  const { rows } = await pool.query(
    `SELECT used, held FROM ledger_counters WHERE account_id = $1 AND meter = 'audio.seconds'`,
    [buyer.accountId],
  );
  return rows[0] ?? { used: 0n, held: 0n };
}

t.test('given a recording, then its seconds are held, charged and counted', async (t) => {
  const answer = await transcribe(wav(90), { language: 'en', prompt: 'Inkmeter' });
  t.match(answer, { text: /talk\.wav says in its 90 seconds/, usage: { type: 'duration', seconds: 90 } });
  t.match((await usage()).at(-1), {
    provider: 'openai',
    step: 'transcription',
    status: 'ok',
    usage_source: 'provider',
    overrun: false,
    cost_nano_usd: 9_000_000n,
    other_classes: ['audio_second'],
    other_amounts: [90n],
  });
  t.match(await seconds(), { used: 90n, held: 0n });
});

t.test('given each format, then it is what the SDK returns', async (t) => {
  for (const [response_format, expected] of [
    ['text', /^This is what .*seconds\.\n$/],
    ['srt', /^1\n00:00:00,000 --> 00:00:03,000\n/],
    ['vtt', /^WEBVTT\n/],
  ] as const) {
    t.match(await transcribe(wav(3), { response_format }), expected, response_format);
  }
  const verbose = await transcribe(wav(3), {
    response_format: 'verbose_json',
    timestamp_granularities: ['segment', 'word'],
  });
  t.match(verbose, { duration: 3, segments: [{ start: 0, end: 3 }] });
  t.match((await usage()).at(-1), { cost_nano_usd: 300_000n, other_amounts: [3n] });
});

t.test(
  'given files around 25 MiB, then 24 are accepted, and 26 are refused before anything is held',
  async (t) => {
    const before = await seconds();
    const large = silence(Math.floor((24 * MIB) / 8_000) - 1);
    t.match(await transcribe(toFile(large, 'large.wav')), { usage: { seconds: 3144 } });
    const after = await seconds();
    t.equal(after.used - before.used, 3144n);
    const tooLarge = toFile(silence(Math.ceil((26 * MIB) / 8_000)), 'larger.wav');
    await refused(t, transcribe(tooLarge), { status: 413, error: { problem_code: 'body_too_large' } });
    t.match(await seconds(), { used: after.used, held: 0n });
  },
);

t.test('given an upload that states 26 MiB, then it is refused before it is sent', async (t) => {
  const upload = startUpload(26 * MIB);
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  t.equal(response.statusCode, 413);
  upload.destroy();
});

t.test(
  'given clients that leave at half of their uploads, then no file is left, and nothing is held',
  async (t) => {
    const before = await seconds();
    const half = Buffer.alloc(12 * MIB);
    const { arrayBuffers } = process.memoryUsage();
    const uploads = Array.from({ length: 8 }, () => startUpload(24 * MIB));
    for (const upload of uploads) upload.write(half);
    await until(async () => uploadedBytes() === 8 * half.length);
    t.ok(process.memoryUsage().arrayBuffers - arrayBuffers < 2 * half.length, 'the rest is on disk');
    for (const upload of uploads) upload.destroy();
    await until(async () => uploadedBytes() === 0);
    t.strictSame(await seconds(), before);
  },
);

t.test('given what is no recording, or a wrong form, then it is refused', async (t) => {
  const rows = (await usage()).length;
  for (const [name, bytes] of [
    ['talk.mp3', Buffer.from('not audio at all')],
    ['talk.wav', Buffer.from('<html><script>alert(1)</script></html>')],
    ['talk.mp3', Buffer.from('%PDF-1.7\n')],
    ['talk.wav', Buffer.alloc(0)],
  ] as const) {
    await refused(
      t,
      transcribe(toFile(bytes, name)),
      { status: 400, param: 'file' },
      `${name} ${bytes.length}`,
    );
  }
  await refused(t, transcribe(wav(1), { model: 'gpt-4o' }), { status: 403 });
  await refused(t, transcribe(wav(1), { model: 'none' }), { status: 404 });
  await refused(t, transcribe(wav(1), { response_format: 'pdf' }), { status: 400 });
  await refused(t, transcribe(wav(1), { unknown: '1' }), { status: 400 });
  t.equal(
    (await call('/v1/audio/transcriptions', key, { model: 'whisper-1' })).status,
    400,
    'JSON has no file',
  );
  const anonymous = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'ik_live_none', maxRetries: 0 });
  const file = await wav(1);
  await refused(t, anonymous.audio.transcriptions.create({ file, model: 'whisper-1' }), { status: 401 });
  const form = new FormData();
  for (const _ of [1, 2]) form.append('file', file);
  form.set('model', 'whisper-1');
  const two = await fetch(`${url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  t.equal(two.status, 400);
  t.equal((await usage()).length, rows, 'nothing was called');
});

t.test(
  'given each format, then the seconds of the file are held, and what the vendor bills is charged',
  async (t) => {
    for (const [extension, create] of Object.entries(RECORDINGS)) {
      const file = toFile(create(7), `talk.${extension}`);
      const { usage: billed } = (await transcribe(file)) as { usage: { seconds: number } };
      t.match(await transcribe(file, { response_format: 'text' }), /recording talk/, extension);
      const charged = { status: 'ok', usage_source: 'provider', other_amounts: [BigInt(billed.seconds)] };
      t.match(
        (await usage()).slice(-2),
        [charged, charged],
        `${extension}: also where the text has no figures`,
      );
      const { rows } = await pool.query(
        `SELECT asked[array_position(meters, 'audio.seconds')] AS seconds FROM ledger_holds
        WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1`,
        [buyer.accountId],
      );
      t.equal(rows[0].seconds, 7n, extension);
    }
  },
);

t.test('given a recording whose header does not say how long it is, then its bytes bound it', async (t) => {
  // the start of a WebM as browsers record it, without a duration
  const webm = Buffer.concat([
    Buffer.from(
      '1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff',
      'hex',
    ),
    Buffer.alloc(60_000),
  ]);
  const answer = await transcribe(toFile(webm, 'talk.webm'));
  t.match(answer.text, /talk\.webm/);
  t.match((await usage()).at(-1), { overrun: false, usage_source: 'provider' });
});

t.test('given a text, then it is spoken, and its characters are charged', async (t) => {
  const spoken = await client.audio.speech.create({ model: 'tts-1', voice: 'coral', input: 'Ink is wet 🖋' });
  t.equal(spoken.headers.get('content-type'), 'audio/mpeg');
  t.equal(spoken.headers.get('x-inkmeter-cost-usd'), '0.000180000');
  const bytes = Buffer.from(await spoken.arrayBuffer());
  t.ok(bytes.length > 8_000);
  t.match((await usage()).at(-1), {
    step: 'speech',
    cost_nano_usd: 180_000n,
    other_classes: ['character'],
    other_amounts: [12n],
  });
  const wrong = { model: 'tts-1', voice: 'none', input: 'x' } as const;
  await refused(t, client.audio.speech.create(wrong), { status: 400 });
  const long = { model: 'tts-1', voice: 'coral', input: 'x'.repeat(4_097) } as const;
  await refused(t, client.audio.speech.create(long), { status: 400 });
});

t.test('given the minutes of Free, then a recording that does not fit is refused', async (t) => {
  const free = await customer('free');
  const first = await fetch(`${url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${free.token}` },
    body: await formOf(3_100),
  });
  t.equal(first.status, 200, '51 of 60 minutes');
  const second = await fetch(`${url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${free.token}` },
    body: await formOf(600),
  });
  t.equal(second.status, 429);
  const { error } = (await second.json()) as { error: object };
  t.match(error, {
    problem_code: 'limit_exceeded',
    limit: { meter: 'audio.seconds', used: '3100' },
  });
});

async function formOf(length: number): Promise<FormData> {
  const form = new FormData();
  form.set('file', await wav(length));
  form.set('model', 'whisper-1');
  return form;
}

/** The start of a form with a file of this size. */
function startUpload(size: number): ClientRequest {
  const type = 'multipart/form-data; boundary=x';
  const head = '--x\r\ncontent-disposition: form-data; name="file"; filename="talk.wav"\r\n\r\n';
  const upload = request(`${url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type, 'content-length': head.length + size },
  });
  upload.on('error', () => undefined);
  upload.write(head);
  return upload;
}

/** Of the uploads that this process has open. Their files have no names. */
function uploadedBytes(): number {
  const sizes = readdirSync('/proc/self/fd').map((fd) => uploadSize(`/proc/self/fd/${fd}`));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** 0 for other files, and for one that has been closed meanwhile. */
function uploadSize(descriptor: string): number {
  try {
    return readlinkSync(descriptor).includes('inkmeter-upload-') ? statSync(descriptor).size : 0;
  } catch {
    return 0;
  }
}
