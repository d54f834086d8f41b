/** How a content request takes part in the content cache. Pure. */
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CacheTerms } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import type { ContentBody } from './domain.ts';

/** Fields that name nothing of the account: only requests with no others share results across accounts. */
const SHAREABLE: ReadonlySet<string> = new Set<keyof GenerateRequest>([
  'topic',
  'content_types',
  'length',
  'tone',
  'audience',
  'language',
  'keywords',
  'avoid_keywords',
  'point_of_view',
  'call_to_action',
  'networks',
  'horizon_days',
  'variants',
  'research',
  'research_full_text',
  'research_all_providers',
  'max_sources',
  'model',
  'fit_budget',
  'allow_degraded',
]);

/**
 * @param cacheControl the request's header: `no-store` takes no part, `no-cache` writes anew and shares the new result.
 * @returns undefined for a request that takes no part.
 */
export function cacheTermsOf(
  { body, entitlements }: EntitlementCheck<ContentBody>,
  { caller, cacheControl = '' }: { caller: Caller; cacheControl: string | undefined },
): CacheTerms | undefined {
  const { scope, ttlSeconds, hitCostNanoUsd, countHits } = entitlements.contentCache;
  // What a job becomes after its approval is its customer's alone. Runs and messages are answered anew.
  const isOfItsOwn = body.outline_approval || body.inputs?.autopilot || body.inputs?.message;
  if (isOfItsOwn || scope === 'off' || /\bno-store\b/i.test(cacheControl)) return undefined;
  const { inputs = {}, ...request } = body;
  const { research: _providers, budget: _ofThePlan, ...own } = inputs;
  const isShareable =
    Object.keys(own).length === 0 && Object.keys(request).every((field) => SHAREABLE.has(field));
  const { catalogue, plan } = entitlements;
  return {
    owner:
      scope === 'plan' && isShareable
        ? `plan ${catalogue.id} ${plan.key}`
        : `account ${caller.accountId} ${caller.workspaceId ?? ''}`,
    ttlMs: ttlSeconds * 1_000,
    hitCostNanoUsd: hitCostNanoUsd.toString(),
    countHits,
    refresh: /\bno-cache\b/i.test(cacheControl),
  };
}
