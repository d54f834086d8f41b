import type { ServerResponse } from 'node:http';
import type { CallPlan, JobTerms } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import type { Requirement } from '#libs/contracts/requirements.ts';
import type { ModelInfo, Tokenizer } from '#libs/pricing/model.ts';
import type { EntitlementCheck } from '../../entitlements/domain/check-entitlements.ts';
import type { PlanContextFields } from '../../entitlements/domain/plan-context.ts';
import type { RequestBody } from '../../entitlements/domain/requirement.ts';
import type { RateLimitClass } from '../../rate-limits/domain/plan-rate-limiter.ts';
import type { TranslateResponse } from './response-translator.ts';

/** The bounds that a plan of calls is made with. */
export type PlanBounds = {
  /** Upper bound of the tokens of {@link Prompt}; 0 for a route without one. */
  readonly promptTokens: number;
  /** Share of the output caps, in (0, 1]. */
  readonly scale: number;
};

/** The prompt of a request whose input can be bounded in two ways: from its bytes, and more closely by counting tokens. */
export type Prompt = {
  /** The largest prompt that the model accepts, in tokens. */
  readonly contextWindow: number;
  /** Whether the provider refuses larger prompts, so that none can be billed for more. */
  readonly enforcesWindow: boolean;
  /** Upper bound of the whole prompt's tokens, from its bytes; infinite if only the context window bounds them. */
  readonly byteBound: number;
  /** Upper bound of what cannot be counted: tools, schemas, everything but text, and the provider's additions. */
  readonly fixedBound: number;
  /** The texts that can be counted. */
  readonly texts: Iterable<string>;
  /** The model's public tokenizer; null if there is none. */
  readonly tokenizer: Tokenizer | null;
};

/** Who sent a request, for routes that read from elsewhere before they plan. */
export type Sender = {
  readonly caller: Caller;
  readonly requestId: string;
  /** Closes when the request ends, or when its client leaves. */
  readonly response: ServerResponse;
};

export type Adapted<B> = { body: B; ignored: readonly string[] };

/** A route whose requests are planned, priced and held before any provider is called: data and pure functions. */
export type MeteredRoute<B extends RequestBody = RequestBody> = {
  readonly operation: Operation & { readonly requirements: readonly Requirement[] };
  readonly rateLimitClass: (body: B, accept: string | undefined) => RateLimitClass;
  /** Whether a model can serve the request; any model of the right kind, unless given. */
  readonly canServe?: (body: B, model: ModelInfo) => boolean;
  /** Fits an allowed request to its model. The names of what was left out or capped are sent in a header. */
  readonly adapt?: (check: EntitlementCheck<B>, sender: Sender) => Adapted<B> | Promise<Adapted<B>>;
  /** Translates the response, for a route with a wire format of its own. */
  readonly translate?: TranslateResponse;
  /**
   * The provider calls of a request, with true upper bounds.
   * @throws ProblemError for a request that the chosen models cannot serve.
   */
  readonly plan: (check: EntitlementCheck<B>, bounds: PlanBounds) => CallPlan;
  /** The same request for less, the nearest first, for a route that may choose the models. */
  readonly cheaper?: (check: EntitlementCheck<B>) => readonly EntitlementCheck<B>[];
  /** The prompt, for a route whose clients write it. */
  readonly prompt?: (check: EntitlementCheck<B>) => Prompt;
  /** The smallest scale of a plan that is useful, if `fit_budget` may lower the output caps. */
  readonly smallestScale?: (plan: CallPlan) => number;
  /** Response headers that only this route sends. */
  readonly responseHeaders?: (plan: CallPlan, scale: number) => Record<string, string>;
  /** How its jobs run, for a route that creates jobs. */
  readonly jobTerms?: (
    check: EntitlementCheck<B>,
    request: { caller: Caller; cacheControl: string | undefined },
  ) => JobTerms;
  /** For responses that show the plan's usage. */
  readonly planContext?: (check: EntitlementCheck<B>) => PlanContextFields;
};
