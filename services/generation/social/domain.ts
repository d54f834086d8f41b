/** What a plan says about publishing. */
import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

/** Meters of what is counted. */
export const CONNECTIONS = 'social.connections';
export const POSTS = 'social.posts';

/** A catalogue without platforms does not sell them, so each may be used. @throws ProblemError `platform_not_in_plan` */
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

/** @throws ProblemError `feature_not_in_plan` */
export function checkFeature(entitlements: Entitlements, feature: string): void {
  const { granted, source } = featureGrant(entitlements, feature);
  if (granted) return;
  throw problem('feature_not_in_plan', {
    fields: { feature, plan: entitlements.plan.key, reason: source },
  });
}

/** When a post is to be published; null is at once. @throws ProblemError `semantic_error` for a time that has passed. */
export function scheduledTime(scheduledAt: string | undefined, now: Date): Date | null {
  if (scheduledAt === undefined) return null;
  const time = new Date(scheduledAt);
  if (time > now) return time;
  throw problem('semantic_error', {
    detail: 'scheduled_at lies in the past.',
    fields: { param: 'scheduled_at' },
  });
}

export function alreadyConnected(platform: string, handle: string): ProblemError {
  return problem('conflict', {
    detail: 'This account is connected already.',
    fields: { reason: 'platform_already_connected', platform, handle },
  });
}
