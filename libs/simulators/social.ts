/**
 * A publisher of posts that speaks to no network: it takes credentials for a reference, and posts for an address. It
 * remembers the posts, each once under its `Idempotency-Key`, and nothing of the credentials.
 */
import { createHash } from 'node:crypto';
import { type Attempts, findDirectives } from './faults.ts';
import { isObject, type JsonObject, textOr } from './json.ts';

export const SOCIAL_PATH = '/social/v1';

const MAX_POSTS = 100_000;
const REFERENCE = /^soc_[0-9a-f]{32}$/;

export type PublishedPost = { id: string; url: string; platform: string; reference: string; text: string };

export type SocialAnswer = { status: number; body?: unknown };

export type SocialSimulator = {
  answer: (
    method: string | undefined,
    path: string,
    idempotencyKey: string | undefined,
    body: string,
  ) => SocialAnswer;
  clear: () => void;
};

const refusal = (status: number, code: string, message: string): SocialAnswer => ({
  status,
  body: { error: { code, message } },
});

export function createSocialSimulator(attempts: Attempts): SocialSimulator {
  const posts = new Map<string, PublishedPost>();

  function connect({ platform, handle, credentials }: JsonObject): SocialAnswer {
    if (textOr(credentials) === '' || credentials === 'invalid') {
      return refusal(401, 'invalid_credentials', 'The network does not accept these credentials.');
    }
    const account = createHash('sha256')
      .update(`${textOr(platform)} ${textOr(handle)}`)
      .digest('hex');
    return { status: 201, body: { reference: `soc_${account.slice(0, 32)}` } };
  }

  function publish(body: JsonObject, key: string | undefined): SocialAnswer {
    const [platform, reference, text] = [textOr(body.platform), textOr(body.reference), textOr(body.text)];
    if (key === undefined) return refusal(400, 'no_key', 'Send an Idempotency-Key.');
    const known = posts.get(key);
    if (known !== undefined) return { status: 200, body: known };
    if (!REFERENCE.test(reference)) return refusal(404, 'unknown_account', 'There is no such account.');

    const directives = findDirectives({ header: undefined, model: '', endUser: undefined, message: text });
    if ('unknown' in directives) return refusal(400, 'unknown_directive', directives.unknown);
    const { status, failures } = directives;
    if (status !== undefined) return refusal(status, 'simulated', 'The network refused the post.');
    if (failures !== undefined && attempts.count(`post ${key}`) <= failures.count) {
      return refusal(failures.status, 'simulated', 'The network is not available.');
    }
    if (posts.size >= MAX_POSTS) return refusal(503, 'full', 'Too many posts; reset the simulator.');
    const id = createHash('sha256').update(key).digest('hex').slice(0, 16);
    const post = { id, url: `https://${platform}.example/posts/${id}`, platform, reference, text };
    posts.set(key, post);
    return { status: 201, body: post };
  }

  return {
    answer(method, path, idempotencyKey, body) {
      const place = `${method} ${path.slice(SOCIAL_PATH.length)}`;
      if (place === 'GET /posts') return { status: 200, body: { posts: [...posts.values()] } };
      if (place.startsWith('DELETE /connections/')) return { status: 204 };
      const parsed = parseObject(body);
      if (parsed === undefined) return refusal(400, 'invalid_json', 'Send a JSON object.');
      if (place === 'POST /connections') return connect(parsed);
      if (place === 'POST /posts') return publish(parsed, idempotencyKey);
      return refusal(404, 'unknown_url', `There is no ${method} ${path}.`);
    },
    clear: () => posts.clear(),
  };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
