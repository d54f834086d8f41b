import { matchesApiKeySecret } from '#libs/auth/api-key.ts';
import { parseSessionToken } from '#libs/auth/session-token.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { FreshCache } from '#libs/service/fresh-cache.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type AccountStatus, checkAccountStatus } from '../accounts/domain.ts';
import { changeTag } from './change-tag.ts';
import type { findSessionToken } from './session-tokens-store.ts';

/** The cached state of a session token; never the token itself. */
export type KnownSessionToken = {
  caller: Caller;
  publicId: string;
  keyPublicId: string;
  secretHash: Buffer;
  expiresAtMs: number;
  /** The token, or the key that made it. */
  revoked: boolean;
  accountStatus: AccountStatus;
};

export type SessionAuthenticator = {
  /** @throws ProblemError (or rejects with it) `invalid_token`, `token_expired`, `account_suspended` */
  authenticate: (text: string) => Caller | Promise<Caller>;
};

/** A key that is revoked takes its tokens with it. */
export const tagsOfSessionToken = ({ publicId, keyPublicId, caller }: KnownSessionToken): string[] => [
  changeTag({ kind: 'session_token', id: publicId }),
  changeTag({ kind: 'api_key', id: keyPublicId }),
  changeTag({ kind: 'account', id: caller.accountId }),
];

export function createSessionAuthenticator(options: {
  clock: Clock;
  findToken: (publicId: string) => ReturnType<typeof findSessionToken>;
  cache: FreshCache<KnownSessionToken>;
}): SessionAuthenticator {
  const { clock, findToken, cache } = options;

  async function fetch(publicId: string): Promise<KnownSessionToken | null> {
    const found = await findToken(publicId);
    if (found === null) return null;
    const { token, key, accountStatus } = found;
    const { models, operations, origins } = token;
    const endsMs = Math.min(token.expiresAt.getTime(), key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
    return {
      // An end user is no member: the token's restrictions say what it may do, its scope only that it generates.
      caller: {
        accountId: token.accountId,
        userId: token.endUserId,
        keyId: token.keyId,
        workspaceId: null,
        role: 'member',
        platformRole: 'none',
        scopes: ['generate'],
        session: { models, operations, origins },
      },
      publicId,
      keyPublicId: key.publicId,
      secretHash: Buffer.from(token.secretHash, 'hex'),
      expiresAtMs: endsMs,
      revoked: token.revokedAt !== null || key.revokedAt !== null || !mayGenerate(key.scopes),
      accountStatus,
    };
  }

  /** The secret is checked first: without it, a caller learns nothing about the token. */
  function check(known: KnownSessionToken | null, secret: string): Caller {
    if (known === null || !matchesApiKeySecret(secret, known.secretHash)) throw problem('invalid_token');
    if (known.revoked) throw problem('invalid_token', { detail: 'The session token was revoked.' });
    if (known.expiresAtMs <= clock.now().getTime()) throw problem('token_expired');
    checkAccountStatus(known.accountStatus, 'invalid_token');
    return known.caller;
  }

  return {
    authenticate(text) {
      const token = parseSessionToken(text);
      if (token === null) throw problem('invalid_token');
      const known = cache.get(token.id);
      if (known !== undefined) return check(known, token.secret);
      return cache.load(token.id, () => fetch(token.id)).then((loaded) => check(loaded, token.secret));
    },
  };
}

const mayGenerate = (scopes: readonly string[]) => scopes.includes('*') || scopes.includes('generate');
