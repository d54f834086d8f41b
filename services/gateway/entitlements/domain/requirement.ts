import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { BodyPatch, Degradation, RequirementCondition } from '#libs/contracts/requirements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ProblemCode, ProblemFields } from '#libs/problems/problems.ts';
import type { PriceBook } from '../../prices/domain.ts';

/** A request body that has passed its schema. */
export type RequestBody = Readonly<Record<string, unknown>> & {
  allow_degraded?: boolean | undefined;
  fit_budget?: boolean | undefined;
};

/** What a requirement is evaluated against. */
export type RequirementContext = {
  readonly body: RequestBody;
  readonly caller: Caller;
  readonly entitlements: Entitlements;
  readonly priceBook: PriceBook;
  /** Undefined where it is not needed, or could not be read. */
  readonly catalogue: Catalogue | undefined;
  /** Whether a model can serve the request, so that no fallback is offered that would fail. */
  readonly canServe: (model: ModelInfo) => boolean;
};

/** A change to the request that avoids a missing entitlement. */
export type Fallback = {
  readonly patch: BodyPatch;
  /** What the patch replaces, if the result is a lesser form of the request; null if only the client can choose it. */
  readonly degradation: Degradation | null;
};

/** A requirement of the request that the plan does not meet. */
export type MissingEntitlement = {
  readonly code: ProblemCode;
  /** What is missing by its name, where the code's own text does not say it. */
  readonly detail?: string;
  readonly fields: ProblemFields;
  /** The nearest first. */
  readonly fallbacks: readonly Fallback[];
  /** Higher plans that include it. */
  readonly includedIn: (catalogue: Catalogue) => readonly Plan[];
};

/** Whether a condition holds for a request. A requirement without a condition always applies. */
export function isMet(
  condition: RequirementCondition | undefined,
  { body, caller }: Pick<RequirementContext, 'body' | 'caller'>,
): boolean {
  if (condition === undefined) return true;
  if ('caller' in condition) return caller.keyId !== null;
  const value = body[condition.field];
  if ('includes' in condition) return Array.isArray(value) && value.includes(condition.includes);
  switch (condition.is) {
    case 'set':
      return value !== undefined && value !== null;
    case 'true':
      return value === true;
    case 'several':
      return typeof value === 'number' && value > 1;
  }
}

/** A request with some fields replaced; null removes a field. */
export function patched<Body extends RequestBody>(body: Body, patch: BodyPatch): Body {
  const fields = Object.entries({ ...body, ...patch });
  return Object.fromEntries(fields.filter(([field]) => patch[field] !== null)) as Body;
}
