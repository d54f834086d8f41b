/**
 * The identity behind a request between services, signed (`libs/auth/internal-identity.ts`) and sent in the header
 * `x-inkmeter-context`. It never leaves the system; its JSON is exactly `InternalContext`.
 */
export const INTERNAL_CONTEXT_HEADER = 'x-inkmeter-context';

export const SERVICE_NAMES = ['gateway', 'billing', 'usage-metering', 'generation'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

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
  /** Set for an end user with a session token; `userId` is the end user's id then, and `keyId` the key that made it. */
  session?: SessionRestrictions;
};

/** What a session token is restricted to; null for no restriction. */
export type SessionRestrictions = {
  models: readonly string[] | null;
  operations: readonly string[] | null;
  origins: readonly string[] | null;
};

/** The caller when a service acts on its own behalf. */
export const SERVICE_CALLER: Caller = {
  accountId: '00000000-0000-0000-0000-000000000000',
  userId: null,
  keyId: null,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: [],
};

/** Valid for one service, method and path only, and for a minute. */
export type InternalContext = {
  /** The service that sends the request. */
  iss: ServiceName;
  /** The service that the request is for. */
  aud: ServiceName;
  method: string;
  /** The request target: path and query as sent. */
  path: string;
  caller: Caller;
  /** Unix seconds at which the header expires. */
  exp: number;
};
