/** A constant rate of plain calls, streams and jobs, by the clock: a slow answer does not lower the rate. */
import { setTimeout as delay } from 'node:timers/promises';

const TICK_MS = 20;
const MOST_FAILURES_KEPT = 20;
const TIMEOUT_MS = 60_000;
const JOB_POLL_MS = 500;

export type Load = {
  sent: () => number;
  failed: () => number;
  /** Stops, waits for all answers, and returns a sentence for each kind of failure. */
  end: () => Promise<string[]>;
};

const message = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] });

type Request = {
  path: string;
  body: object;
  /** What the answer must have, in addition to its status; a job is also followed to its end. */
  kind: 'plain' | 'stream' | 'job';
};

/**
 * Of fifty requests one is a stream of content, one is content in the background, whose steps any process may take over,
 * and four are streams of a chat. The rest are plain calls.
 */
function requestOf(number: number): Request {
  const content = (topic: string) => ({ topic: `${topic} ${number}`, content_types: ['social'] });
  if (number % 50 === 0) return { path: '/api/generate', body: content('Bread'), kind: 'stream' };
  if (number % 50 === 25) return { path: '/api/generations', body: content('Rye'), kind: 'job' };
  const isStream = number % 10 === 0;
  const body = { ...message('Why is ink blue?'), stream: isStream };
  return { path: '/v1/chat/completions', body, kind: isStream ? 'stream' : 'plain' };
}

/** @throws Error when no customer can sign up. */
export async function startLoad({ url, rate }: { url: string; rate: number }): Promise<Load> {
  const register = await fetch(`${url}/api/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'load@example.com', password: 'a long enough passphrase' }),
  });
  const { access_token: token } = (await register.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`Signing up answered ${register.status}`);

  const failures = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let sent = 0;
  let failed = 0;
  let isEnding = false;

  const fail = (reason: string) => {
    failed += 1;
    if (failures.size < MOST_FAILURES_KEPT) failures.set(reason, (failures.get(reason) ?? 0) + 1);
  };

  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });

  /** @returns what went wrong with the job, or undefined. */
  async function followJob(id: string): Promise<string | undefined> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    for (;;) {
      const response = await call(`/api/generations/${id}`);
      const text = await response.text();
      if (response.status !== 200) return `read: ${response.status} ${text.slice(0, 200)}`;
      const { status, error } = JSON.parse(text) as { status: string; error: { code: string } | null };
      if (status === 'completed') return undefined;
      if (!['queued', 'running'].includes(status)) return `${status} ${error?.code ?? ''}`;
      if (deadline.aborted) return `still ${status}`;
      await delay(JOB_POLL_MS);
    }
  }

  async function send(number: number): Promise<void> {
    const { path, body, kind } = requestOf(number);
    try {
      const response = await call(path, { method: 'POST', body: JSON.stringify(body) });
      const text = await response.text();
      if (response.status !== (kind === 'job' ? 202 : 200)) {
        fail(`${path}: ${response.status} ${text.slice(0, 200)}`);
      } else if (kind === 'stream' && !/data: \[DONE\]|event: complete/.test(text)) {
        fail(`${path}: the stream ended with ${text.slice(-100)}`);
      } else if (kind === 'job') {
        const problem = await followJob((JSON.parse(text) as { id: string }).id);
        if (problem !== undefined) fail(`${path}: ${problem}`);
      }
    } catch (error) {
      fail(`${path}: ${error instanceof Error ? `${error.message} ${error.cause ?? ''}` : error}`);
    }
  }

  const startedAt = performance.now();
  const loop = (async () => {
    while (!isEnding) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * rate);
      while (sent < due) {
        sent += 1;
        const one = send(sent);
        running.add(one);
        void one.then(() => running.delete(one));
      }
      await delay(TICK_MS);
    }
  })();

  return {
    sent: () => sent,
    failed: () => failed,
    async end() {
      isEnding = true;
      await loop;
      await Promise.all(running);
      return [...failures].map(([reason, count]) => `${count} requests failed: ${reason}`);
    },
  };
}
