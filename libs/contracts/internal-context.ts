/**
 * What one service tells another about a request, signed (`libs/auth/internal-context.ts`) and carried in the
 * header `x-inkmeter-context`. It never leaves the system, so its JSON is this type as it stands.
 */
export const INTERNAL_CONTEXT_HEADER = 'x-inkmeter-context';

export const ACCOUNT_ROLES = ['owner', 'admin', 'member'] as const;
export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** Roles that run an account: its money, members and keys. */
export const MANAGER_ROLES: readonly AccountRole[] = ['owner', 'admin'];

export const PLATFORM_ROLES = ['none', 'support', 'admin'] as const;
export type PlatformRole = (typeof PLATFORM_ROLES)[number];

/** Who is calling, as established by the gateway from a token or a key. */
export type Caller = {
  accountId: string;
  /** The person; null for an API key, which acts for its account. */
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  role: AccountRole;
  platformRole: PlatformRole;
  /** `*`, or the scopes an API key is restricted to (`generate`, `usage:read`, …). */
  scopes: readonly string[];
};

export type InternalContext = {
  caller: Caller;
  requestId: string;
  /** Unix seconds after which the header is not accepted. */
  exp: number;
};
