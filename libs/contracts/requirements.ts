/** What operations require of a plan, what replaces a missing entitlement, and how a response shows the plan's usage. */
import { z } from 'zod';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';
import { limitAmountWire } from './limits.ts';
import { planPrice, planRef } from './plan-ref.ts';

/** A change to a request's body, by field; null removes a field (RFC 7396). */
export type BodyPatch = Readonly<Record<string, unknown>>;

/** When a requirement applies. Without a condition it always applies. */
export type RequirementCondition =
  | { readonly caller: 'api_key' }
  /** `set`: the field has a value; `true`: it is true; `several`: it is a number above 1. */
  | { readonly field: string; readonly is: 'set' | 'true' | 'several' }
  /** The field is a list that includes the value. */
  | { readonly field: string; readonly includes: string };

/** A condition on the account's plan. Operations declare theirs as data; the gateway evaluates them. */
export type Requirement =
  /** The model named in the field. Without a field, or without a name in it, the plan's default model of that kind. */
  | {
      readonly kind: 'model';
      readonly of: 'text' | 'image' | 'embedding' | 'moderation' | 'audio' | 'speech';
      readonly field: string | null;
      /** Without a name in the field, a model that reads images, if the plan has one. */
      readonly role?: 'vision';
      readonly when?: RequirementCondition;
      /** How the request avoids it if the plan has no such model. */
      readonly without?: BodyPatch;
    }
  /** The quality of the preset named in the field, or the plan's best without a name. */
  | { readonly kind: 'quality'; readonly field: string }
  | { readonly kind: 'platform'; readonly field: string }
  /** Each of the content types in the field. `without` is what a request for fewer of them leaves out too. */
  | { readonly kind: 'content_types'; readonly field: string; readonly without?: BodyPatch }
  /** A feature, if the catalogue sells it at all. */
  | {
      readonly kind: 'feature';
      readonly feature: string;
      readonly when?: RequirementCondition;
      /** How the request avoids it; null if it cannot. */
      readonly without: BodyPatch | null;
    };

/** Calls with an API key require a plan that includes API access. */
export const REQUIRES_API_ACCESS = {
  kind: 'feature',
  feature: 'api_access',
  when: { caller: 'api_key' },
  without: null,
} as const satisfies Requirement;

export const degradation = z
  .object({
    what: z.string().describe('The field of the request, such as `model`.'),
    asked: z.string(),
    used: z.string().nullable().describe('Null if it was left out.'),
  })
  .meta({ id: 'Degradation' });
export type Degradation = z.infer<typeof degradation>;

export const degradations = z
  .array(degradation)
  .describe('With `allow_degraded`: what was replaced because the plan does not include it.');

export const URGENCIES = ['low', 'medium', 'high'] as const;

/** Plans that would lift a limit. */
export type Suggestions = {
  /** The smallest first, each with its amount of the limit. */
  suggested_plans: readonly SuggestedPlan[];
  urgency: (typeof URGENCIES)[number];
};

/** A plan to upgrade to. */
export const suggestedPlan = z
  .object({
    ...planRef.shape,
    price: planPrice,
    amount: limitAmountWire.optional().describe('What the plan allows of the limit that refused.'),
  })
  .meta({ id: 'SuggestedPlan' });
export type SuggestedPlan = z.infer<typeof suggestedPlan>;

const wholeNumber = z.string().regex(/^\d+$/);

export const planInfo = z
  .object({
    plan: z.string(),
    model_used: z.string(),
    quality_used: z.string().nullable().optional(),
    usage: z
      .object({
        meter: z.string(),
        window: z.string().nullable(),
        current: wholeNumber.describe('Used, with this request.'),
        limit: wholeNumber.nullable().describe('Null without a numeric limit.'),
        remaining: wholeNumber.nullable(),
        resets_at: z.iso.datetime().nullable(),
      })
      .nullable()
      .describe('Usage of the meter this kind of request counts on; null if it could not be read.'),
    badge: z
      .object({ label: z.string(), state: z.enum(LIMIT_STATES) })
      .describe("The plan's name, and the state of the limit with the largest used share."),
    upgrade_prompt: z
      .object({
        meter: z.string(),
        window: z.string(),
        percentage: z.number(),
        urgency: z.enum(URGENCIES),
        suggested_plans: z.array(suggestedPlan),
      })
      .optional()
      .describe('From 80 % of the most used limit: the plans with room for twice the usage.'),
  })
  .meta({ id: 'PlanInfo' });
export type PlanInfo = z.infer<typeof planInfo>;

/** What a response says about the plan, in addition to its result. */
export type PlanContext = { readonly plan_info: PlanInfo; readonly degraded?: readonly Degradation[] };

/** The value of `x-inkmeter-degraded`: `model=gpt-4o-mini (asked gpt-5); quality_preset=standard (asked premium)`. */
export function degradedHeader(degraded: readonly Degradation[]): string {
  return degraded.map(({ what, asked, used }) => `${what}=${used ?? 'none'} (asked ${asked})`).join('; ');
}
