/** A constant rate of plain calls, streams and content, by the clock: a slow answer does not lower the rate. */
import { setTimeout as delay } from 'node:timers/promises';

const TICK_MS = 20;
const MOST_FAILURES_KEPT = 20;
const TIMEOUT_MS = 60_000;

export type Load = {
  sent: () => number;
  failed: () => number;
  /** Stops, waits for all answers, and returns a sentence for each kind of failure. */
  end: () => Promise<string[]>;
};

const message = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] });

/** One in ten is a stream, one in fifty is content of several steps; the rest are plain calls. */
function requestOf(number: number): { path: string; body: object; isStream: boolean } {
  if (number % 50 === 0)
    return {
      path: '/api/generate',
      body: { topic: `Bread ${number}`, content_types: ['social'] },
      isStream: true,
    };
  const isStream = number % 10 === 0;
  return {
    path: '/v1/chat/completions',
    body: { ...message('Why is ink blue?'), stream: isStream },
    isStream,
  };
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

  async function send(number: number): Promise<void> {
    const { path, body, isStream } = requestOf(number);
    try {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      const isComplete = !isStream || text.includes('data: [DONE]') || text.includes('event: complete');
      if (response.status !== 200) fail(`${path}: ${response.status} ${text.slice(0, 200)}`);
      else if (!isComplete) fail(`${path}: the stream ended with ${text.slice(-100)}`);
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
