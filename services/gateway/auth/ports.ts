/** What the gateway's identity needs from outside, as plain types; `store/` implements them on PostgreSQL. */
import type { KeyLimit } from '#libs/contracts/api-keys.ts';
import type { AccountRole, PlatformRole } from '#libs/contracts/internal-context.ts';
import type { PageQuery } from '#libs/contracts/page.ts';
import type { Connection } from '#libs/db/transaction.ts';

export type AccountStatus = 'active' | 'suspended' | 'deleted';

export type Account = { id: string; name: string; status: AccountStatus; createdAt: Date };
export type Person = {
  id: string;
  email: string;
  name: string | null;
  platformRole: PlatformRole;
  createdAt: Date;
};

/** A person in an account. */
export type Membership = {
  userId: string;
  accountId: string;
  role: AccountRole;
  platformRole: PlatformRole;
  accountStatus: AccountStatus;
};

export type PeopleStore = {
  /** Creates a person, an account and the ownership of it. @throws ProblemError `email_taken` */
  createOwner: (person: {
    email: string;
    passwordHash: string;
    name: string | null;
    accountName: string;
  }) => Promise<{ userId: string; accountId: string }>;
  /** The person of an outside issuer's token, made with an account of their own when first seen. */
  provision: (outside: {
    issuer: string;
    subject: string;
    /** Only if the issuer has verified it. */
    email: string | null;
    name: string | null;
  }) => Promise<{ userId: string }>;
  findCredentials: (email: string) => Promise<{ userId: string; passwordHash: string | null } | null>;
  findPassword: (userId: string) => Promise<string | null>;
  /** In the given account, else in the one joined first. */
  findMembership: (userId: string, accountId?: string) => Promise<Membership | null>;
  /** The same, if the session is still good. */
  findSessionMembership: (session: Session) => Promise<Membership | null>;
  findPerson: (userId: string) => Promise<Person | null>;
  findAccount: (accountId: string) => Promise<Account | null>;
  rename: (userId: string, name: string) => Promise<void>;
  /**
   * Replaces the password and ends all sessions.
   *
   * @returns false if the password is no longer the one that was verified.
   */
  changePassword: (userId: string, verifiedHash: string, newHash: string) => Promise<boolean>;
};

/** A sign-in and the refresh tokens that continue it. */
export type Session = { userId: string; accountId: string; sessionId: string };
export type SessionToken = Session & { refreshToken: string };

export type Rotation =
  | { outcome: 'rotated'; session: SessionToken }
  | { outcome: 'invalid' }
  /** Somebody had used it before; the session has ended. */
  | { outcome: 'reused'; session: Session }
  | { outcome: 'suspended' };

export type SessionStore = {
  /**
   * @param login.verifiedHash the password hash that was just verified.
   * @param login.newHash replaces it, when it was made with weaker parameters.
   * @returns null if the password has changed meanwhile.
   */
  start: (login: {
    userId: string;
    accountId: string;
    verifiedHash: string;
    newHash?: string;
  }) => Promise<SessionToken | null>;
  rotate: (refreshToken: string) => Promise<Rotation>;
  /** Ends the session a refresh token belongs to, whatever its state. */
  end: (refreshToken: string) => Promise<Session | null>;
  /** Deletes tokens that expired long ago. @returns how many. */
  purge: () => Promise<number>;
};

export type Member = {
  userId: string;
  email: string;
  name: string | null;
  role: AccountRole;
  joinedAt: Date;
};
/** Who changes a membership. */
export type MemberActor = { accountId: string; userId: string | null; role: AccountRole };

export type MemberStore = {
  /** One more than asked for, by user id. */
  list: (accountId: string, query: PageQuery) => Promise<Member[]>;
  /** In a transaction that also counts the seat. @throws ProblemError `email_taken` */
  add: (
    connection: Connection,
    accountId: string,
    member: { email: string; passwordHash: string; name: string | null; role: AccountRole },
  ) => Promise<Member>;
  /** @throws ProblemError `not_found`, `role_required`, `conflict` (the last owner) */
  changeRole: (actor: MemberActor, userId: string, role: AccountRole) => Promise<Member>;
  /** Also ends their sessions in the account and frees their seat. Same errors. */
  remove: (actor: MemberActor, userId: string) => Promise<void>;
};

export type Workspace = {
  id: string;
  accountId: string;
  name: string;
  createdBy: string | null;
  createdAt: Date;
};

export type WorkspaceStore = {
  /** Newest first, one more than asked for. */
  list: (accountId: string, query: PageQuery) => Promise<Workspace[]>;
  find: (accountId: string, id: string) => Promise<Workspace | null>;
  /** In a transaction that also counts it. @throws ProblemError `conflict` where the name is taken */
  insert: (connection: Connection, workspace: Workspace) => Promise<void>;
  /** And gives back what it counted. @throws ProblemError `not_found` */
  remove: (accountId: string, id: string) => Promise<void>;
};

export type ApiKeyRecord = {
  id: string;
  accountId: string;
  createdBy: string;
  name: string;
  publicId: string;
  displayPrefix: string;
  /** SHA-256 of the secret, hexadecimal. */
  secretHash: string;
  scopes: string[];
  limits: KeyLimit[];
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
};

export type ApiKeyStore = {
  insert: (key: ApiKeyRecord) => Promise<void>;
  /** Newest first, one more than asked for. */
  list: (accountId: string, query: PageQuery) => Promise<ApiKeyRecord[]>;
  find: (accountId: string, id: string) => Promise<ApiKeyRecord | null>;
  /** @returns the public id if it has just been revoked, null if it had been before. @throws ProblemError `not_found` */
  revoke: (accountId: string, id: string) => Promise<string | null>;
  /** For authentication: by public id, over all accounts. */
  findByPublicId: (publicId: string) => Promise<{ key: ApiKeyRecord; accountStatus: AccountStatus } | null>;
  /** Notes when keys were used. Rows that are busy or fresh enough are passed over. */
  touch: (usedAt: ReadonlyMap<string, Date>) => Promise<void>;
};

export type KeyLimitAmount = {
  meter: string;
  window: KeyLimit['window'];
  /** Nano-USD for `cost`, pieces otherwise. */
  amount: bigint;
};

/**
 * Puts the limits of one key in force. Called before the key exists, so that it is never usable without them.
 *
 * @throws ProblemError when they could not be put in force; the key is not created then.
 */
export type SetKeyLimits = (key: {
  accountId: string;
  keyId: string;
  limits: readonly KeyLimitAmount[];
  requestId: string;
}) => Promise<void>;
