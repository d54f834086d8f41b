import type { NewPost } from '#libs/contracts/social.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';
import { scheduledTime } from './domain.ts';
import type { ClaimedPost, Schedule, SocialConnection, SocialPost } from './ports.ts';
import { CLAIM_MS } from './publishing.ts';

const NOT_SCHEDULED: Schedule = {
  scheduledAt: null,
  dueAt: null,
  claimedUntil: null,
  attempts: 0,
  holdId: null,
};

/** @param scheduledAt null: at once, by whoever takes it next. */
export function scheduleFor(scheduledAt: Date | null, holdId: string, now: Date): Schedule {
  return { ...NOT_SCHEDULED, scheduledAt, dueAt: scheduledAt ?? now, holdId };
}

/** The same, already taken by whoever writes it down, who publishes it right after. */
export function claimedAtOnce(holdId: string, now: Date): Schedule {
  return {
    ...scheduleFor(null, holdId, now),
    claimedUntil: new Date(now.getTime() + CLAIM_MS),
    attempts: 1,
  };
}

/** A post as it is first written down. @param holdId the decision it counts under, unless it is a draft. */
export function composePost(
  post: NewPost,
  { id, owner, holdId, now }: { id: string; owner: Owner; holdId: string; now: Date },
): SocialPost {
  const isDraft = post.action === 'draft';
  return {
    id,
    owner,
    connectionId: post.connection_id,
    text: post.text,
    state: isDraft ? 'draft' : 'scheduled',
    ...(isDraft ? NOT_SCHEDULED : scheduleFor(scheduledTime(post.scheduled_at, now), holdId, now)),
    publishedAt: null,
    externalUrl: null,
    failure: null,
    createdAt: now,
  };
}

/** The post as whoever has claimed it publishes it. */
export function toClaimed(
  { id, owner, text, holdId, attempts }: SocialPost,
  { platform, credentialReference }: SocialConnection,
): ClaimedPost {
  return { id, owner, text, holdId, attempts, connection: { platform, credentialReference } };
}
