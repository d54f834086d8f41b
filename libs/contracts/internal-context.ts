/**
 * The identity behind a request between services, signed (`libs/auth/internal-context.ts`) and sent in the header
 * `x-inkmeter-context`. It never leaves the system; its JSON is exactly this type.
 */
export const INTERNAL_CONTEXT_HEADER = 'x-inkmeter-context';

export const ACCOUNT_ROLES = ['owner', 'admin', 'member'] as const;
export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** Roles that manage an account: its money, members and keys. */
export const MANAGER_ROLES: readonly AccountRole[] = ['owner', 'admin'];

export const PLATFORM_ROLES = ['none', 'support', 'admin'] as const;
export type PlatformRole = (typeof PLATFORM_ROLES)[number];

/** The authenticated caller of a request. */
export type Caller = {
  accountId: string;
  /** The user; null for an API key, which acts for its account. */
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
  /** Unix seconds at which the header expires. */
  exp: number;
};
