import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { BodyPatch, Degradation, RequirementCondition } from '#libs/contracts/requirements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ProblemCode, ProblemFields } from '#libs/problems/problems.ts';
import type { PriceBook } from '../metering/price-book.ts';

/** A request as needs are judged by: its body has passed its schema. */
export type GatedRequest = {
  readonly body: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
  readonly entitlements: Entitlements;
  readonly priceBook: PriceBook;
  /** Undefined where it could not be read. */
  readonly catalogue: Catalogue | undefined;
  /** Whether a model can do what the request asks of it. */
  readonly isUsable: (model: ModelInfo) => boolean;
};

/** A way to do without what the plan lacks. */
export type Fallback = {
  readonly patch: BodyPatch;
  /** What that replaces, where the result is still what was asked for, only less of it; else only the client can choose. */
  readonly degradation: Degradation | null;
};

/** Something a request needs and its plan lacks. */
export type MissingEntitlement = {
  readonly code: ProblemCode;
  readonly fields: ProblemFields;
  /** The nearest first. */
  readonly fallbacks: readonly Fallback[];
  /** Plans to move up to that have it. */
  readonly includedIn: (catalogue: Catalogue) => readonly Plan[];
};

export function isMet(
  condition: RequirementCondition | undefined,
  { body, caller }: Pick<GatedRequest, 'body' | 'caller'>,
): boolean {
  if (condition === undefined) return true;
  if ('caller' in condition) return caller.keyId !== null;
  const value = body[condition.field];
  switch (condition.is) {
    case 'set':
      return value !== undefined && value !== null;
    case 'true':
      return value === true;
    case 'several':
      return typeof value === 'number' && value > 1;
  }
}

/** A request with some of its fields replaced, null taking a field back. */
export function patched<Body extends Readonly<Record<string, unknown>>>(body: Body, patch: BodyPatch): Body {
  return { ...body, ...patch };
}
