/** What publishing to social networks needs of the world around it. */
import type { PageQuery } from '#libs/contracts/page.ts';
import type { PostState, SocialPlatform } from '#libs/contracts/social.ts';
import type { Connection as DatabaseConnection } from '#libs/db/transaction.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';

export type SocialConnection = {
  id: string;
  owner: Owner;
  platform: string;
  handle: string;
  /** What the publisher knows the credentials by. */
  credentialReference: string;
  createdAt: Date;
};

export type SocialPost = {
  id: string;
  owner: Owner;
  connectionId: string;
  text: string;
  state: PostState;
  /** Null where it was to be published at once. */
  scheduledAt: Date | null;
  /** When it is tried next; null unless it is scheduled. */
  dueAt: Date | null;
  attempts: number;
  /** While somebody is publishing it. */
  claimedUntil: Date | null;
  /** The decision it was counted under; null while it does not count. */
  holdId: string | null;
  publishedAt: Date | null;
  externalUrl: string | null;
  failure: Failure | null;
  createdAt: Date;
};

export type Failure = { code: string; detail: string };

/** What publishing it, now or later, makes of a post. */
export type Schedule = Pick<SocialPost, 'scheduledAt' | 'dueAt' | 'claimedUntil' | 'attempts' | 'holdId'>;

/** A post that is ours to publish, until another may take over. */
export type ClaimedPost = {
  id: string;
  owner: Owner;
  text: string;
  holdId: string | null;
  attempts: number;
  /** Null where it has been disconnected meanwhile. */
  connection: Pick<SocialConnection, 'platform' | 'credentialReference'> | null;
};

export type Publication =
  | { outcome: 'published'; externalId: string; url: string }
  /** The network will not have this post. */
  | ({ outcome: 'refused' } & Failure)
  /** Nobody can say yet; publishing it again is safe. */
  | { outcome: 'unavailable' };

/** Speaks to the networks, and keeps the credentials for them. */
export type PostPublisher = {
  /**
   * Hands credentials over for good. @returns what they are known by from then on.
   * @throws ProblemError `semantic_error` when the network does not accept them, `service_unavailable`
   */
  connect: (account: { platform: SocialPlatform; handle: string; credentials: string }) => Promise<string>;
  disconnect: (credentialReference: string) => Promise<void>;
  /** Publishing twice under one id is publishing once. Never throws for what the network does. */
  publish: (post: {
    id: string;
    platform: string;
    credentialReference: string;
    text: string;
  }) => Promise<Publication>;
};

export type SocialConnectionStore = {
  /** Newest first, one more than asked for. */
  list: (accountId: string, query: PageQuery) => Promise<SocialConnection[]>;
  find: (accountId: string, ids: readonly string[]) => Promise<SocialConnection[]>;
  isConnected: (accountId: string, platform: string, handle: string) => Promise<boolean>;
  /** In a transaction that also counts it. @returns false where the account is connected already. */
  insert: (database: DatabaseConnection, connection: SocialConnection) => Promise<boolean>;
  /** And gives back what it counted. Undefined where there is none. */
  remove: (accountId: string, id: string) => Promise<SocialConnection | undefined>;
};

/** Each finds that nobody else has taken the post over meanwhile, or does nothing. */
export type PublishingStore = {
  markPublished: (
    post: ClaimedPost,
    publication: { externalId: string; url: string; at: Date },
  ) => Promise<void>;
  /** And gives back what the post counted. */
  markFailed: (post: ClaimedPost, failure: Failure) => Promise<void>;
  postpone: (post: ClaimedPost, dueAt: Date) => Promise<void>;
};

export type SocialPostStore = PublishingStore & {
  /** Newest first, one more than asked for. */
  list: (accountId: string, query: PageQuery & { state?: PostState | undefined }) => Promise<SocialPost[]>;
  find: (accountId: string, id: string) => Promise<SocialPost | undefined>;
  /** In a transaction that also counts those that are to be published. */
  insert: (database: DatabaseConnection, posts: readonly SocialPost[]) => Promise<void>;
  insertDrafts: (posts: readonly SocialPost[]) => Promise<void>;
  /** In a transaction that also counts it. @returns false where it is neither a draft nor failed (any more). */
  schedule: (
    database: DatabaseConnection,
    accountId: string,
    id: string,
    schedule: Schedule,
  ) => Promise<boolean>;
  /** Unless it is published or being published; and gives back what it counted. @returns whether it did. */
  remove: (accountId: string, id: string) => Promise<boolean>;
  /** Takes posts that are due, oldest first. No two callers get the same, on any replica. */
  claimDue: (now: Date, claimedUntil: Date, limit: number) => Promise<ClaimedPost[]>;
};
