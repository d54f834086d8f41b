/** The publisher as an HTTP service: it holds the credentials, and speaks to each network in its own way. */
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { problem } from '#libs/problems/problems.ts';
import type { PostPublisher } from './ports.ts';

/** Shorter than the time after which a post is taken over. */
const TIMEOUT_MS = 10_000;
/** Answers that say: not now. Everything else below 500 is about the request. */
const TRY_AGAIN = [408, 425, 429];

const connected = z.object({ reference: z.string().min(1).max(500) });
const published = z.object({ id: z.string(), url: z.string() });
const refused = z.object({ error: z.object({ code: z.string().max(100), message: z.string().max(500) }) });

type Answer = { status: number; body: unknown };

/** @param url where it is, such as `https://publisher.example/v1`. */
export function createHttpPublisher(url: string, dispatcher: Dispatcher): PostPublisher {
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
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.body.text();
    return { status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) };
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
        throw problem('service_unavailable', { cause: `the publisher answered ${answer.status}` });
      }
      throw problem('semantic_error', {
        detail: 'The network does not accept these credentials.',
        fields: { param: 'credentials' },
      });
    },

    async disconnect(credentialReference) {
      const answer = await send('DELETE', `/connections/${encodeURIComponent(credentialReference)}`);
      if (!isSuccess(answer) && answer.status !== 404) {
        throw new Error(`the publisher answered ${answer.status}`);
      }
    },

    async publish({ id, platform, credentialReference, text }) {
      let answer: Answer;
      try {
        const post = { platform, reference: credentialReference, text };
        answer = await send('POST', '/posts', post, { 'idempotency-key': id });
      } catch {
        return { outcome: 'unavailable' };
      }
      const { data } = published.safeParse(answer.body);
      if (isSuccess(answer) && data !== undefined) {
        return { outcome: 'published', externalId: data.id, url: data.url };
      }
      if (!isRefusal(answer)) return { outcome: 'unavailable' };
      const reason = refused.safeParse(answer.body).data?.error;
      return {
        outcome: 'refused',
        code: reason?.code ?? 'refused',
        detail: reason?.message ?? 'The network refused the post.',
      };
    },
  };
}

/** Where none is configured: nothing can be connected, and posts wait. */
export const NO_PUBLISHER: PostPublisher = {
  connect: async () => {
    throw problem('service_unavailable', { detail: 'No publisher of posts is configured.' });
  },
  disconnect: async () => {},
  publish: async () => ({ outcome: 'unavailable' }),
};

const isSuccess = ({ status }: Answer) => status >= 200 && status < 300;
const isRefusal = ({ status }: Answer) => status >= 400 && status < 500 && !TRY_AGAIN.includes(status);
