import type { IncomingHttpHeaders } from 'node:http';
import { looksLikeApiKey } from '#libs/auth/api-key.ts';
import { problem } from '#libs/problems/problems.ts';

/** What a request presents to prove who sends it. */
export type Credential = { kind: 'api_key' | 'token'; text: string };

const BEARER = /^Bearer +(\S+)$/i;

/**
 * An access token or API key after `Authorization: Bearer`, or an API key in `x-api-key`.
 *
 * @throws ProblemError `unauthenticated` if there is neither, or something else in their place.
 */
export function credentialOf(headers: IncomingHttpHeaders): Credential {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (authorization !== undefined) {
    const [, text] = BEARER.exec(authorization) ?? [];
    if (text === undefined) {
      throw problem('unauthenticated', {
        detail: 'The Authorization header must read "Bearer <token or API key>".',
      });
    }
    return { kind: looksLikeApiKey(text) ? 'api_key' : 'token', text };
  }
  if (typeof apiKey === 'string' && apiKey !== '') return { kind: 'api_key', text: apiKey };
  throw problem('unauthenticated');
}

export function hasCredential({ authorization, 'x-api-key': apiKey }: IncomingHttpHeaders): boolean {
  return authorization !== undefined || apiKey !== undefined;
}
