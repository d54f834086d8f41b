import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import type { Requirement } from '#libs/contracts/requirements.ts';
import type { ModelInfo, Tokenizer } from '#libs/pricing/model.ts';
import type { EntitlementCheck } from '../../entitlements/domain/check-entitlements.ts';
import type { PlanContextFields } from '../../entitlements/domain/plan-context.ts';
import type { RequestBody } from '../../entitlements/domain/requirement.ts';
import type { RateLimitClass } from '../../rate-limits/domain/plan-rate-limiter.ts';

/** The bounds that a plan of calls is made with. */
export type PlanBounds = {
  /** Bytes of the request body, which bound the tokens of its texts. */
  readonly bodyBytes: number;
  /** Counted tokens of the prompt's texts; undefined before they are counted. */
  readonly promptTokens?: number;
  /** Share of the output caps, in (0, 1]. */
  readonly scale: number;
};

export type Prompt = { readonly texts: Iterable<string>; readonly tokenizer: Tokenizer | null };

/** A route whose requests are planned, priced and held before any provider is called: data and pure functions. */
export type MeteredRoute<B extends RequestBody = RequestBody> = {
  readonly operation: Operation & { readonly requirements: readonly Requirement[] };
  readonly rateLimitClass: (body: B, accept: string | undefined) => RateLimitClass;
  /** Whether a model can serve the request; any model of the right kind, unless given. */
  readonly canServe?: (body: B, model: ModelInfo) => boolean;
  /**
   * The provider calls of a request, with true upper bounds.
   * @throws ProblemError for a request that the chosen models cannot serve.
   */
  readonly plan: (check: EntitlementCheck<B>, bounds: PlanBounds) => CallPlan;
  /** The prompt to count, if counted tokens give a smaller bound than the body's bytes. */
  readonly prompt?: (check: EntitlementCheck<B>) => Prompt;
  /** The smallest scale of a plan that is useful, if `fit_budget` may lower the output caps. */
  readonly smallestScale?: (plan: CallPlan) => number;
  /** Response headers that only this route sends. */
  readonly responseHeaders?: (plan: CallPlan, scale: number) => Record<string, string>;
  /** For responses that show the plan's usage. */
  readonly planContext?: (check: EntitlementCheck<B>) => PlanContextFields;
};
