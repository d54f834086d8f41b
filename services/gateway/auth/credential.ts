import type { IncomingHttpHeaders } from 'node:http';
import { looksLikeApiKey } from '#libs/auth/api-key.ts';
import { problem } from '#libs/problems/problems.ts';

/** What a request presents to prove who sends it. */
export type Credential = { kind: 'api_key' | 'token'; text: string };

const BEARER = /^Bearer +(\S+)$/i;

/**
 * An access token or API key after `Authorization: Bearer`, or an API key in `x-api-key` (as Anthropic's SDK sends it) or
 * `api-key` (as Azure's). Access tokens are JWTs; anything without a dot is taken for an API key.
 *
 * @throws ProblemError `unauthenticated` if there is neither, or something else in their place.
 */
export function credentialOf(headers: IncomingHttpHeaders): Credential {
  const { authorization, 'x-api-key': apiKey = headers['api-key'] } = headers;
  if (authorization !== undefined) {
    const [, text] = BEARER.exec(authorization) ?? [];
    if (text === undefined) {
      throw problem('unauthenticated', {
        detail: 'The Authorization header must read "Bearer <token or API key>".',
      });
    }
    return { kind: looksLikeApiKey(text) || !text.includes('.') ? 'api_key' : 'token', text };
  }
  if (typeof apiKey === 'string' && apiKey !== '') return { kind: 'api_key', text: apiKey };
  throw problem('unauthenticated');
}

export function hasCredential(headers: IncomingHttpHeaders): boolean {
  const { authorization, 'x-api-key': apiKey, 'api-key': azureKey } = headers;
  return authorization !== undefined || apiKey !== undefined || azureKey !== undefined;
}
