import { LRUCache } from 'lru-cache';
import { matchesApiKeySecret, parseApiKey } from '#libs/auth/api-key.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { FreshCache } from '#libs/service/fresh-cache.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type AccountStatus, checkAccountStatus } from '../accounts/domain.ts';
import { changeTag } from './change-tag.ts';
import type { findApiKeyByPublicId } from './store.ts';

/** The cached state of a key; never the key itself. */
export type KnownApiKey = {
  caller: Caller;
  publicId: string;
  secretHash: Buffer;
  /** The secret before the last rotation, while it works. */
  previous: { secretHash: Buffer; untilMs: number } | null;
  revoked: boolean;
  expiresAtMs: number | null;
  accountStatus: AccountStatus;
};

export type ApiKeyAuthenticator = {
  /**
   * Answers synchronously for a cached key, which keeps thousands of requests a second cheap.
   *
   * @throws ProblemError (or rejects with it) `invalid_api_key`, `api_key_revoked`, `api_key_expired`,
   * `account_suspended`
   */
  authenticate: (text: string) => Caller | Promise<Caller>;
};

/** Repeated use of an unknown id must not cost a query each time. A new key may have to wait this long. */
const UNKNOWN_FOR_MS = 5_000;
const MAX_UNKNOWN = 10_000;

export const tagsOfApiKey = ({ publicId, caller }: KnownApiKey): string[] => [
  changeTag({ kind: 'api_key', id: publicId }),
  changeTag({ kind: 'account', id: caller.accountId }),
];

type PreviousSecret = { previousSecretHash: string | null; previousSecretUntil: Date | null };

function previousSecretOf({
  previousSecretHash: hash,
  previousSecretUntil: until,
}: PreviousSecret): KnownApiKey['previous'] {
  if (hash === null || until === null) return null;
  return { secretHash: Buffer.from(hash, 'hex'), untilMs: until.getTime() };
}

export function createApiKeyAuthenticator(options: {
  clock: Clock;
  findKey: (publicId: string) => ReturnType<typeof findApiKeyByPublicId>;
  cache: FreshCache<KnownApiKey>;
  onUse: (keyId: string) => void;
}): ApiKeyAuthenticator {
  const { clock, findKey, cache, onUse } = options;
  const unknownUntilMs = new LRUCache<string, number>({ max: MAX_UNKNOWN });

  async function fetch(publicId: string): Promise<KnownApiKey | null> {
    const found = await findKey(publicId);
    if (found === null) return null;
    const { key, accountStatus } = found;
    return {
      // A key is not a user: it has the lowest role, and its scopes say what it may do.
      caller: {
        accountId: key.accountId,
        userId: null,
        keyId: key.id,
        workspaceId: null,
        role: 'member',
        platformRole: 'none',
        scopes: key.scopes,
      },
      publicId,
      secretHash: Buffer.from(key.secretHash, 'hex'),
      previous: previousSecretOf(key),
      revoked: key.revokedAt !== null,
      expiresAtMs: key.expiresAt?.getTime() ?? null,
      accountStatus,
    };
  }

  function isSecretOf({ secretHash, previous }: KnownApiKey, secret: string): boolean {
    if (matchesApiKeySecret(secret, secretHash)) return true;
    if (previous === null || previous.untilMs <= clock.now().getTime()) return false;
    return matchesApiKeySecret(secret, previous.secretHash);
  }

  /** The secret is checked first: without it, a caller learns nothing about the key. */
  function check(known: KnownApiKey, secret: string): Caller {
    if (!isSecretOf(known, secret)) throw problem('invalid_api_key');
    if (known.revoked) throw problem('api_key_revoked');
    if (known.expiresAtMs !== null && known.expiresAtMs <= clock.now().getTime())
      throw problem('api_key_expired');
    checkAccountStatus(known.accountStatus, 'invalid_api_key');
    if (known.caller.keyId !== null) onUse(known.caller.keyId);
    return known.caller;
  }

  async function fetchAndCheck(publicId: string, secret: string): Promise<Caller> {
    const known = await cache.load(publicId, () => fetch(publicId));
    if (known !== null) return check(known, secret);
    unknownUntilMs.set(publicId, clock.now().getTime() + UNKNOWN_FOR_MS);
    throw problem('invalid_api_key');
  }

  return {
    authenticate(text) {
      const key = parseApiKey(text);
      if (key === null) throw problem('invalid_api_key');
      const known = cache.get(key.id);
      if (known !== undefined) return check(known, key.secret);
      if ((unknownUntilMs.get(key.id) ?? 0) > clock.now().getTime()) throw problem('invalid_api_key');
      return fetchAndCheck(key.id, key.secret);
    },
  };
}
