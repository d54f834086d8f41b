/** From the operations of a request to calls that its plan includes, with their prices. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { PlannedOperation } from '#libs/contracts/holds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { REQUIRES_API_ACCESS, type Requirement } from '#libs/contracts/requirements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { checkEntitlements } from '../entitlements/domain/check-entitlements.ts';
import type { PriceBook } from '../prices/domain.ts';
import type { PlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import { type ExternalCall, planOperation } from './domain.ts';

export type PlanDependencies = {
  priceBook: PriceBook;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
  planRateLimiter: PlanRateLimiter;
};

/**
 * Reads what the account may do, and counts the request against the rate limits of its plan.
 * @throws ProblemError `payment_required`, `account_suspended`, `feature_not_in_plan`, `rate_limited`
 */
export async function admitCaller(
  { priceBook, entitlements: accounts, planRateLimiter }: PlanDependencies,
  caller: Caller,
): Promise<Entitlements> {
  const entitlements = await accounts.get(caller.accountId);
  const { catalogueOf } = accounts;
  const request = { requirements: [REQUIRES_API_ACCESS], body: {}, caller, entitlements };
  await checkEntitlements(request, { priceBook, catalogueOf });
  await planRateLimiter.acquire(caller, entitlements, { generation: false, stream: false });
  return entitlements;
}

/**
 * Plans one operation. A model must be one that a metered request could use.
 * @throws ProblemError `unknown_model`, `unpriced_model`, `model_not_in_plan`, `semantic_error`
 */
export async function planForCaller(
  { priceBook, entitlements: { catalogueOf } }: PlanDependencies,
  caller: Caller,
  entitlements: Entitlements,
  operation: PlannedOperation,
  index: number,
): Promise<ExternalCall> {
  const { model } = operation;
  if (model === undefined) return planOperation(operation, index);
  const { info, price } = priceBook.priced(model);
  const requirements = modelRequirements(info);
  await checkEntitlements(
    { requirements, body: { model: info.model }, caller, entitlements },
    { priceBook, catalogueOf },
  );
  return planOperation(operation, index, price);
}

/** Searches and pages are limited by their meters, not by plan. */
function modelRequirements({ kind }: ModelInfo): Requirement[] {
  return kind === 'search' || kind === 'page' ? [] : [{ kind: 'model', of: kind, field: 'model' }];
}
