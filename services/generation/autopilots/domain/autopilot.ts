/** What an autopilot may do, and what follows from the end of its runs. Pure. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { suggestPlans } from '#libs/catalogue/suggest.ts';
import { nextOccurrence, runsPerDay } from '#libs/contracts/cron.ts';
import type { Network } from '#libs/contracts/generate.ts';
import type { autopilotRuns, autopilots } from '#libs/db/schema/autopilots.ts';
import { problem } from '#libs/problems/problems.ts';
import { checkFeature, featureRefusal } from '#libs/service/check-feature.ts';
import { checkPlatform, type SocialConnection } from '../../social/domain.ts';

export type Autopilot = typeof autopilots.$inferSelect;
export type AutopilotRun = typeof autopilotRuns.$inferSelect;

/** Counts the posts that autopilots write. */
export const AUTOPILOT_POSTS = 'social.autopilot_posts';

/** The task that creates the posts of a run whose job has ended. */
export const FINISH_RUN = 'finish-autopilot-run';

/** Of an account. Their posts are limited by the plan. */
export const MAX_AUTOPILOTS = 100;

/** After so many runs in a row that did not complete, an autopilot is paused. */
export const MAX_FAILURES = 3;

/** The platform of connections that posts of a network are published through. Threads cannot be connected. */
const PLATFORMS: Readonly<Record<Network, string | null>> = {
  linkedin: 'linkedin',
  x: 'twitter',
  facebook: 'facebook',
  instagram: 'instagram',
  threads: null,
};

const FEATURES = [
  ['research', 'autopilot_research'],
  ['ads', 'autopilot_ads'],
  ['learn', 'enhanced_autopilot'],
  ['autoPost', 'auto_post'],
] as const;

export type AutopilotSettings = Pick<
  Autopilot,
  'networks' | 'connectionIds' | 'cron' | 'timeZone' | 'research' | 'ads' | 'learn' | 'autoPost'
>;

export function networksOf({ networks }: Pick<Autopilot, 'networks'>): Network[] {
  return networks as Network[];
}

/**
 * Refuses what the plan does not include: features, platforms, and more posts a day than it has.
 *
 * @param catalogue for the plans to suggest.
 * @throws ProblemError `feature_not_in_plan`, `platform_not_in_plan`
 */
export function checkPlan(
  autopilot: AutopilotSettings,
  entitlements: Entitlements,
  catalogue: Catalogue | undefined,
): void {
  checkDailyPosts(autopilot, entitlements, catalogue);
  for (const [field, feature] of FEATURES) {
    if (autopilot[field]) checkFeature(entitlements, feature, catalogue);
  }
  if (!autopilot.autoPost) return;
  for (const network of networksOf(autopilot)) {
    const platform = PLATFORMS[network];
    if (platform !== null) checkPlatform(entitlements, platform);
  }
}

function checkDailyPosts(
  { cron, networks }: AutopilotSettings,
  { limits, plan }: Entitlements,
  catalogue: Catalogue | undefined,
): void {
  const limit = limits.find(
    ({ meter, window, scope }) => meter === AUTOPILOT_POSTS && window === 'day' && scope === 'account',
  );
  if (limit === undefined || limit.amount.kind === 'unlimited') return;
  const included = limit.amount.kind === 'n' ? limit.amount.n : 0n;
  const wanted = BigInt(runsPerDay(cron) * networks.length);
  if (wanted <= included) return;
  const { source, amount } = limit;
  const usage = { meter: AUTOPILOT_POSTS, window: 'day', used: 0n, asked: wanted, amount, source } as const;
  throw featureRefusal(
    { plan: plan.key, feature: AUTOPILOT_POSTS, source },
    {
      detail: `The plan includes ${included} autopilot posts a day, and the schedule writes up to ${wanted}.`,
      plans: catalogue && suggestPlans(catalogue, plan.key, usage).plans.map((suggested) => suggested.plan),
    },
  );
}

/**
 * The connection that the posts of each network are published through: the one that the autopilot names, or else the first
 * that was made. Null where there is none.
 */
export function connectionsByNetwork(
  { networks, connectionIds }: Pick<Autopilot, 'networks' | 'connectionIds'>,
  connections: readonly Pick<SocialConnection, 'id' | 'platform'>[],
): { network: Network; connectionId: string | null }[] {
  const oldestFirst = connections.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return networksOf({ networks }).map((network) => {
    const fitting = oldestFirst.filter(({ platform }) => platform === PLATFORMS[network]);
    const named = fitting.find(({ id }) => connectionIds.includes(id));
    return { network, connectionId: (named ?? fitting[0])?.id ?? null };
  });
}

/** @throws ProblemError `not_found` for a connection that does not exist; `semantic_error` if one cannot be used, or is missing. */
export function checkConnections(
  autopilot: Pick<Autopilot, 'networks' | 'connectionIds' | 'autoPost'>,
  connections: readonly Pick<SocialConnection, 'id' | 'platform'>[],
): void {
  for (const id of autopilot.connectionIds) {
    if (!connections.some((connection) => connection.id === id))
      throw problem('not_found', {
        detail: 'This connection does not exist.',
        fields: { connection_id: id },
      });
  }
  const used = connectionsByNetwork(autopilot, connections);
  const unused = autopilot.connectionIds.find((id) => !used.some(({ connectionId }) => connectionId === id));
  if (unused !== undefined) {
    throw problem('semantic_error', {
      detail: `The connection ${unused} belongs to none of the networks, or is the second of one.`,
      fields: { param: 'connection_ids' },
    });
  }
  const missing = autopilot.autoPost ? used.find(({ connectionId }) => connectionId === null) : undefined;
  if (missing === undefined) return;
  throw problem('semantic_error', {
    detail: `Nothing can be posted to ${missing.network} without a connection to it.`,
    fields: { param: 'networks' },
  });
}

/** The fields that make an autopilot run, from now on. */
export function activated({ cron, timeZone }: Pick<Autopilot, 'cron' | 'timeZone'>, now: Date) {
  return {
    status: 'active',
    pauseReason: null,
    failures: 0,
    nextRunAt: nextOccurrence({ cron, time_zone: timeZone }, now),
  } as const satisfies Partial<Autopilot>;
}

export function paused(pauseReason: NonNullable<Autopilot['pauseReason']>) {
  return { status: 'paused', pauseReason, nextRunAt: null } as const satisfies Partial<Autopilot>;
}

export const FINISHED = { status: 'finished', nextRunAt: null } as const satisfies Partial<Autopilot>;

/** How an autopilot changes when a run has ended. */
export function afterRun(
  { failures, status }: Pick<Autopilot, 'failures' | 'status'>,
  outcome: 'completed' | 'failed' | 'refused',
): Partial<Autopilot> {
  if (outcome === 'completed') return { failures: 0 };
  const count = failures + 1;
  const gaveUp = count >= MAX_FAILURES && status === 'active';
  return { failures: count, ...(gaveUp && paused('repeated_failures')) };
}
