/**
 * What requests need of a plan, what can be run in place of what it lacks, and how an answer tells where the account
 * stands.
 */
import { z } from 'zod';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';

/**
 * A change to a request's body, by field; null takes a field back (RFC 7396). With it the request is one that the plan
 * serves.
 */
export type BodyPatch = Readonly<Record<string, unknown>>;

/** When a need arises. Without one it always does. */
export type RequirementCondition =
  | { readonly caller: 'api_key' }
  /** `set`: the field has a value; `true`: it is true; `several`: it is a number above 1. */
  | { readonly field: string; readonly is: 'set' | 'true' | 'several' };

/** Something a request needs of its account's plan. Operations declare theirs as data; one place decides. */
export type Requirement =
  /** The model named in the field, or the plan's own where none is named. */
  | { readonly kind: 'model'; readonly of: 'text' | 'image'; readonly field: string }
  /** The quality of the preset named in the field, or the plan's best where none is named. */
  | { readonly kind: 'quality'; readonly field: string }
  | { readonly kind: 'platform'; readonly field: string }
  /** Each of the content types in the field. */
  | { readonly kind: 'content_types'; readonly field: string }
  /** A feature, where the catalogue sells it at all. */
  | {
      readonly kind: 'feature';
      readonly feature: string;
      readonly when?: RequirementCondition;
      /** How the request does without; null where it cannot. */
      readonly without: BodyPatch | null;
    };

/** Who calls with an API key needs a plan that includes it. */
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
    used: z.string().nullable().describe('Null where it was left out.'),
  })
  .meta({ id: 'Degradation' });
export type Degradation = z.infer<typeof degradation>;

export const degradations = z
  .array(degradation)
  .describe('With `allow_degraded`: what was replaced because the plan does not include it.');

const suggestedPlan = z.looseObject({
  plan: z.string(),
  name: z.string(),
  price_month_minor: z.int().nullable().describe('In minor units; null: contact sales.'),
});

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
        limit: wholeNumber.nullable().describe('Null where no number limits it.'),
        remaining: wholeNumber.nullable(),
        resets_at: z.iso.datetime().nullable(),
      })
      .nullable()
      .describe('Of what this kind of request counts; null where it could not be read.'),
    badge: z
      .object({ label: z.string(), state: z.enum(LIMIT_STATES) })
      .describe("The plan's name, and the state of the limit nearest to its end."),
    upgrade_prompt: z
      .object({
        meter: z.string(),
        window: z.string(),
        percentage: z.number(),
        urgency: z.enum(['low', 'medium', 'high']),
        suggested_plans: z.array(suggestedPlan),
      })
      .optional()
      .describe('From 80 % of the limit nearest to its end: the plans with room for twice the usage.'),
  })
  .meta({ id: 'PlanInfo' });
export type PlanInfo = z.infer<typeof planInfo>;

/** What an answer of ours says beside its result. */
export type PlanContext = { readonly plan_info: PlanInfo; readonly degraded?: readonly Degradation[] };

/** As `x-inkmeter-degraded` says it: `model=gpt-4o-mini (asked gpt-5); quality_preset=standard (asked premium)`. */
export function degradedHeader(degraded: readonly Degradation[]): string {
  return degraded.map(({ what, asked, used }) => `${what}=${used ?? 'none'} (asked ${asked})`).join('; ');
}
