/** The publisher as an HTTP service, which keeps the credentials and knows the API of each network. */
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';
import type { PostPublisher } from './domain.ts';

/** Shorter than `ATTEMPT_LIMIT_MS`, after which the outcome of an attempt counts as unknown. */
const TIMEOUT_MS = 10_000;
/** Statuses that say that the request was not processed and may be repeated. */
const NOT_PROCESSED = [408, 425, 429, 503];

/** @param url base URL, such as `https://publisher.example/v1`; undefined if no publisher is configured. */
export function createPublisher(url: string | undefined, dispatcher: Dispatcher): PostPublisher {
  return url === undefined ? NO_PUBLISHER : createHttpPublisher(url, dispatcher);
}

const connected = z.object({ reference: z.string().min(1).max(500) });
const published = z.object({ id: z.string(), url: z.string() });
const refused = z.object({ error: z.object({ code: z.string().max(100), message: z.string().max(500) }) });

type Answer = { status: number; body: unknown };

export function createHttpPublisher(
  url: string,
  dispatcher: Dispatcher,
  timeoutMs = TIMEOUT_MS,
): PostPublisher {
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/$/, '');

  async function send(
    method: 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await dispatcher.request({
      origin,
      path: base + path,
      method,
      headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.body.text();
    return { status: response.statusCode, body: parseJson(text) };
  }

  return {
    async connect(account) {
      let answer: Answer;
      try {
        answer = await send('POST', '/connections', account);
      } catch (cause) {
        throw problem('service_unavailable', { cause });
      }
      const { data } = connected.safeParse(answer.body);
      if (isSuccess(answer) && data !== undefined) return data.reference;
      if (!isRefusal(answer)) {
        throw problem('service_unavailable', { cause: `The publisher answered ${answer.status}.` });
      }
      throw problem('semantic_error', {
        detail: 'The network rejects these credentials.',
        fields: { param: 'credentials' },
      });
    },

    async disconnect(credentialReference) {
      const answer = await send('DELETE', `/connections/${encodeURIComponent(credentialReference)}`);
      if (!isSuccess(answer) && answer.status !== 404) {
        throw new Error(`The publisher answered ${answer.status}.`);
      }
    },

    async publish({ id, platform, credentialReference, text }) {
      let answer: Answer;
      try {
        const post = { platform, reference: credentialReference, text };
        answer = await send('POST', '/posts', post, { 'idempotency-key': id });
      } catch (error) {
        return { outcome: isNotSent(error) ? 'unavailable' : 'unknown' };
      }
      const { data } = published.safeParse(answer.body);
      if (isSuccess(answer) && data !== undefined) {
        return { outcome: 'published', externalId: data.id, url: data.url };
      }
      if (NOT_PROCESSED.includes(answer.status)) return { outcome: 'unavailable' };
      if (!isRefusal(answer)) return { outcome: 'unknown' };
      const reason = refused.safeParse(answer.body).data?.error;
      return {
        outcome: 'refused',
        code: reason?.code ?? 'refused',
        detail: reason?.message ?? 'The network refused the post.',
      };
    },
  };
}

/** Nothing can be connected, and posts wait. */
const NO_PUBLISHER: PostPublisher = {
  connect: async () => {
    throw problem('service_unavailable', { detail: 'No publisher for social posts is configured.' });
  },
  disconnect: async () => {},
  publish: async () => ({ outcome: 'unavailable' }),
};

const isSuccess = ({ status }: Answer) => status >= 200 && status < 300;
const isRefusal = ({ status }: Answer) => status >= 400 && status < 500 && !NOT_PROCESSED.includes(status);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
