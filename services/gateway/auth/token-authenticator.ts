import { hash } from 'node:crypto';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { FreshCache } from '#libs/service/fresh-cache.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type AccountStatus, checkAccountStatus } from '../accounts/domain.ts';
import type { AccessTokens } from './access-tokens.ts';
import { changeTag } from './change-tag.ts';
import type { Session } from './domain.ts';
import type { ExternalIssuer } from './external-issuer.ts';
import type { ExternalUser, MembershipRow } from './store.ts';

/** The cached result of verifying a token, by the token's hash. */
export type KnownToken = { caller: Caller; accountStatus: AccountStatus; expiresAtMs: number };

export type TokenAuthenticator = {
  /**
   * Answers synchronously for a cached token.
   *
   * @throws ProblemError (or rejects with it) `invalid_token`, `token_expired`, `account_suspended`,
   * `service_unavailable`
   */
  authenticate: (token: string) => Caller | Promise<Caller>;
};

export const tagsOfToken = ({ caller }: KnownToken): string[] => [
  changeTag({ kind: 'user', id: caller.userId ?? '' }),
  changeTag({ kind: 'account', id: caller.accountId }),
];

export function createTokenAuthenticator(options: {
  clock: Clock;
  findSessionMembership: (session: Session) => Promise<MembershipRow | null>;
  /** Creates the user when first seen. */
  findExternalMembership: (external: ExternalUser) => Promise<MembershipRow | null>;
  accessTokens: AccessTokens;
  externalIssuer: ExternalIssuer | null;
  cache: FreshCache<KnownToken>;
}): TokenAuthenticator {
  const { clock, accessTokens, externalIssuer, cache } = options;

  async function verifyOwn(token: string): Promise<KnownToken> {
    const { session, expiresAtMs } = accessTokens.verify(token);
    return known(await options.findSessionMembership(session), expiresAtMs);
  }

  async function verifyExternal(issuer: ExternalIssuer, token: string): Promise<KnownToken> {
    const { expiresAtMs, ...external } = await issuer.verify(token);
    return known(await options.findExternalMembership(external), expiresAtMs);
  }

  function check({ caller, accountStatus, expiresAtMs }: KnownToken): Caller {
    if (expiresAtMs <= clock.now().getTime()) throw problem('token_expired');
    checkAccountStatus(accountStatus, 'invalid_token');
    return caller;
  }

  async function verifyAndCheck(key: string, token: string): Promise<Caller> {
    const verified = await cache.load(key, () =>
      externalIssuer !== null && claimedIssuer(token) === externalIssuer.issuer
        ? verifyExternal(externalIssuer, token)
        : verifyOwn(token),
    );
    if (verified === null) throw problem('invalid_token');
    return check(verified);
  }

  return {
    authenticate(token) {
      const key = hash('sha256', token, 'base64');
      const seen = cache.get(key);
      return seen === undefined ? verifyAndCheck(key, token) : check(seen);
    },
  };
}

function known(membership: MembershipRow | null, expiresAtMs: number): KnownToken {
  if (membership === null) throw problem('invalid_token', { detail: 'The session has ended; log in again.' });
  const { userId, accountId, accountStatus, role, platformRole } = membership;
  return {
    caller: { accountId, userId, keyId: null, workspaceId: null, role, platformRole, scopes: ['*'] },
    accountStatus,
    expiresAtMs,
  };
}

/** The unverified `iss` of a token, which only decides who verifies it. */
function claimedIssuer(token: string): unknown {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null && 'iss' in payload ? payload.iss : undefined;
  } catch {
    return undefined;
  }
}
