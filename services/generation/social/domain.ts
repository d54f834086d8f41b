/** What a plan allows, how a post is scheduled, and what follows from an attempt to publish it. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { NewPost } from '#libs/contracts/social.ts';
import type { socialConnections, socialPosts } from '#libs/db/schema/generation.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

/** The meters that count connections, posts, and drafts until they are published or deleted. */
export const CONNECTIONS = 'social.connections';
export const POSTS = 'social.posts';
export const DRAFTS = 'social.drafts';

export type SocialConnection = typeof socialConnections.$inferSelect;
export type SocialPost = typeof socialPosts.$inferSelect;

/** @throws ProblemError `platform_not_in_plan`. A catalogue without platforms allows every platform. */
export function checkPlatform({ platforms, plan }: Entitlements, platform: string): void {
  if (platforms.ladder.length === 0 || platforms.allowed.includes(platform)) return;
  throw problem('platform_not_in_plan', {
    fields: {
      reason: 'platform_restricted',
      platform,
      plan: plan.key,
      available_platforms: platforms.allowed,
    },
  });
}

export function alreadyConnected(platform: string, handle: string): ProblemError {
  return problem('conflict', {
    detail: 'This account is already connected.',
    fields: { reason: 'platform_already_connected', platform, handle },
  });
}

/** The fields of a post that scheduling sets. */
export type PostSchedule = Pick<
  SocialPost,
  'scheduledAt' | 'dueAt' | 'claimedUntil' | 'attempts' | 'holdId' | 'failureCode' | 'failureDetail'
>;

/** When to publish a post; null is now. @throws ProblemError `semantic_error` for a time in the past. */
export function scheduledTime(scheduledAt: string | undefined, now: Date): Date | null {
  if (scheduledAt === undefined) return null;
  const time = new Date(scheduledAt);
  if (time > now) return time;
  throw problem('semantic_error', {
    detail: 'scheduled_at must be in the future.',
    fields: { param: 'scheduled_at' },
  });
}

const NOT_SCHEDULED: PostSchedule = {
  scheduledAt: null,
  dueAt: null,
  claimedUntil: null,
  attempts: 0,
  holdId: null,
  failureCode: null,
  failureDetail: null,
};

/** @param scheduledAt null publishes as soon as possible. @param holdId the hold under which the post is counted. */
export function scheduleOf(scheduledAt: Date | null, holdId: string, now: Date): PostSchedule {
  return { ...NOT_SCHEDULED, scheduledAt, dueAt: scheduledAt ?? now, holdId };
}

export type NewPostContext = {
  id: string;
  owner: Owner;
  holdId: string;
  now: Date;
};

/** A new post. @param holdId the hold under which it is counted, as a post or as a draft. */
export function composePost(post: NewPost, { id, owner, holdId, now }: NewPostContext): SocialPost {
  const isDraft = post.action === 'draft';
  return {
    id,
    ...owner,
    connectionId: post.connection_id,
    text: post.text,
    state: isDraft ? 'draft' : 'scheduled',
    ...(isDraft
      ? { ...NOT_SCHEDULED, holdId }
      : scheduleOf(scheduledTime(post.scheduled_at, now), holdId, now)),
    publishedAt: null,
    externalId: null,
    externalUrl: null,
    autopilotRunId: null,
    results: null,
    resultsAt: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** The outcome of one request to publish. */
export type Publication =
  | { outcome: 'published'; externalId: string; url: string }
  /** The post was not published, and never will be as it is. */
  | { outcome: 'refused'; code: string; detail: string }
  /** The post was certainly not published; another attempt may succeed. */
  | { outcome: 'unavailable' }
  /** The request was sent, but its outcome is not known: the post may have been published. */
  | { outcome: 'unknown' };

/** How a post changes after an attempt, as plain data. */
export type AttemptEffects = {
  changes: Partial<SocialPost>;
  /** The post no longer counts. */
  releasesQuota: boolean;
  /** When to try again; null: never. */
  retryAt: Date | null;
};

/** How long an attempt may take. Past it, its outcome counts as unknown. Longer than any request to the publisher. */
export const ATTEMPT_LIMIT_MS = 60_000;

/** Pauses after the first attempt and each later one. After the last pause there is one more attempt. */
const RETRY_DELAYS_MS = [15_000, 60_000, 300_000, 1_800_000];

export const OUTCOME_UNKNOWN = {
  state: 'unknown',
  failureCode: 'outcome_unknown',
  failureDetail: 'The network did not confirm the post. Check there whether it was published.',
  dueAt: null,
  claimedUntil: null,
} as const satisfies Partial<SocialPost>;

const CONNECTION_REMOVED: Publication = {
  outcome: 'refused',
  code: 'connection_removed',
  detail: 'The account it was to be published through has been disconnected.',
};

const NETWORK_UNAVAILABLE = {
  code: 'network_unavailable',
  detail: 'The network was not available in several attempts.',
};

/** Decides what follows from an attempt. @param publication null if the connection no longer exists. */
export function effectsOf(publication: Publication | null, attempts: number, now: Date): AttemptEffects {
  const result = publication ?? CONNECTION_REMOVED;
  switch (result.outcome) {
    case 'published':
      return {
        changes: {
          state: 'published',
          publishedAt: now,
          externalId: result.externalId,
          externalUrl: result.url,
          dueAt: null,
          claimedUntil: null,
        },
        releasesQuota: false,
        retryAt: null,
      };
    case 'refused':
      return failed(result);
    case 'unknown':
      return { changes: OUTCOME_UNKNOWN, releasesQuota: false, retryAt: null };
    case 'unavailable': {
      const delayMs = RETRY_DELAYS_MS[attempts - 1];
      if (delayMs === undefined) return failed(NETWORK_UNAVAILABLE);
      const retryAt = new Date(now.getTime() + delayMs);
      return { changes: { dueAt: retryAt, claimedUntil: null }, releasesQuota: false, retryAt };
    }
  }
}

function failed({ code, detail }: { code: string; detail: string }): AttemptEffects {
  return {
    changes: {
      state: 'failed',
      failureCode: code,
      failureDetail: detail,
      holdId: null,
      dueAt: null,
      claimedUntil: null,
    },
    releasesQuota: true,
    retryAt: null,
  };
}

/** Publishes through the social networks, and keeps the credentials for them. */
export type PostPublisher = {
  /**
   * Hands over credentials. @returns the reference by which the publisher knows them.
   * @throws ProblemError `semantic_error` if the network rejects the credentials, `service_unavailable`
   */
  connect: (account: { platform: string; handle: string; credentials: string }) => Promise<string>;
  disconnect: (credentialReference: string) => Promise<void>;
  /** Sends one request to publish. Never throws because of the network. */
  publish: (post: {
    id: string;
    platform: string;
    credentialReference: string;
    text: string;
  }) => Promise<Publication>;
};
