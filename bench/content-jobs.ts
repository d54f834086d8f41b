/** How long an article with posts takes while its provider needs time, and what streams of events cost that stay open. */
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Installation, startInstallation } from '#deploy/local/installation.fixture.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { ms, table, whole } from './report.ts';
import { median } from './statistics.ts';

/** What the provider takes for a call, and between two pieces of a stream. */
const CALL_MS = 300;
const PIECE_MS = 2;
const SEQUENTIAL = 8;
const PARALLEL = 16;
const CONCURRENCY = 8;
const STREAMS = 500;
const GATE = 'streams';

type Times = { firstEventMs: number; firstTextMs: number; completeMs: number };
type Say = (line: string) => void;

export async function measureContentJobs(say: Say): Promise<string> {
  const endings: (() => unknown)[] = [];
  try {
    const scope = { teardown: (end: () => unknown) => void endings.push(end) };
    const installation = await startInstallation(scope as never, 'default');
    const { token } = await installation.customer('enterprise');
    await write(installation, token, 0);
    say(`${SEQUENTIAL} articles with posts in turn`);
    const inTurn = await writeAll(installation, token, SEQUENTIAL, 1);
    say(`${PARALLEL} articles with posts, ${CONCURRENCY} at once`);
    const atOnce = await writeAll(installation, token, PARALLEL, CONCURRENCY);
    say(`${STREAMS} open streams`);
    return `${reportTimes(inTurn, atOnce)}\n\n${await openStreams(installation, token)}`;
  } finally {
    for (const end of endings.toReversed()) await end();
  }
}

/** One article with posts, as server-sent events. */
async function write({ url }: Installation, token: string, number: number): Promise<Times> {
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const response = await fetch(`${url}/api/generate`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'cache-control': 'no-store',
    },
    body: JSON.stringify({
      topic: `Subject number ${number} [[simulate: slow=${CALL_MS},chunk_delay=${PIECE_MS}]]`,
      content_types: ['blog', 'social'],
    }),
  });
  if (response.status !== 200) throw new Error(`A request was answered with ${response.status}.`);
  const times: Partial<Times> = {};
  for await (const { event } of parseSse(response.body as AsyncIterable<Uint8Array>)) {
    times.firstEventMs ??= since();
    if (event === 'content') times.firstTextMs ??= since();
    if (event === 'complete') times.completeMs = since();
  }
  const { firstEventMs, firstTextMs, completeMs } = times;
  if (firstEventMs === undefined || firstTextMs === undefined || completeMs === undefined)
    throw new Error('A stream ended early.');
  return { firstEventMs, firstTextMs, completeMs };
}

async function writeAll(
  installation: Installation,
  token: string,
  count: number,
  concurrency: number,
): Promise<{ times: Times[]; seconds: number }> {
  const startedAt = performance.now();
  const times: Times[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      times.push(await write(installation, token, concurrency * 1_000 + next));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { times, seconds: (performance.now() - startedAt) / 1_000 };
}

function reportTimes(...runs: Awaited<ReturnType<typeof writeAll>>[]): string {
  const p50 = (times: readonly Times[], read: (one: Times) => number) => ms(median(times.map(read)));
  return table(
    ['articles with posts', 'p50 first event ms', 'p50 first text ms', 'p50 complete ms', 'a minute'],
    runs.map(({ times, seconds }, index) => [
      index === 0 ? `${times.length} in turn` : `${times.length}, ${CONCURRENCY} at once`,
      p50(times, ({ firstEventMs }) => firstEventMs),
      p50(times, ({ firstTextMs }) => firstTextMs),
      p50(times, ({ completeMs }) => completeMs),
      whole((60 * times.length) / seconds),
    ]),
  );
}

/** Followers of a job that waits for its provider, in the process of the services. */
async function openStreams({ url, call, simulator }: Installation, token: string): Promise<string> {
  const topic = `Ink [[simulate: until=${GATE}]]`;
  const job = await call('/api/generations', token, { topic, content_types: ['social'], networks: ['x'] });
  const before = process.memoryUsage().rss;
  const startedAt = performance.now();
  const followers = await Promise.all(
    Array.from({ length: STREAMS }, () => follow(`${url}/api/generations/${job.body.id}/events`, token)),
  );
  const openMs = performance.now() - startedAt;
  await delay(2_000);
  const growth = process.memoryUsage().rss - before;
  const releasedAt = performance.now();
  await fetch(`${simulator.url}/release?name=${GATE}`, { method: 'POST' });
  const ends = await Promise.all(followers.map(({ completed }) => completed));
  return table(
    ['open streams', 'begun within ms', 'memory kB each', 'complete', 'after the release ms'],
    [
      [
        whole(STREAMS),
        ms(openMs),
        whole(growth / STREAMS / 1_024),
        whole(ends.filter(Boolean).length),
        ms(performance.now() - releasedAt),
      ],
    ],
  );
}

/** Resolves with the first event. */
async function follow(target: string, token: string): Promise<{ completed: Promise<boolean> }> {
  const request = http.get(target, { agent: false, headers: { authorization: `Bearer ${token}` } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`A stream was refused with ${response.statusCode}.`);
  let end = '';
  response.on('data', (chunk: Buffer) => {
    end = `${end}${chunk}`.slice(-2_000);
  });
  const completed = once(response, 'end').then(() => /event: completed/.test(end));
  await once(response, 'data');
  return { completed };
}
