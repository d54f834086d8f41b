/**
 * The moderation of a prompt before anything is made from it. It is a call of the plan, which costs nothing, so that each
 * refusal is on record.
 */
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import type { TextModel } from './text-call.ts';

export const SAFETY_STEP = 'safety';

/** The longest text that is moderated at once, in characters. */
const LONGEST_TEXT = 100_000;

/** The call that moderates. It counts on no limit on calls: customers do not choose to make it. */
export function planSafetyCall({ model, price }: TextModel, index: number): PlannedCall {
  return {
    index,
    step: SAFETY_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: { request: 1 },
    counts: {},
    price,
    hiddenReasoning: false,
  };
}

/** The plan with its moderation, which has the last index and runs first. @param moderation undefined if none is sold. */
export function withSafetyCall(plan: CallPlan, moderation: TextModel | undefined): CallPlan {
  if (moderation === undefined) return plan;
  return { ...plan, calls: [...plan.calls, planSafetyCall(moderation, plan.calls.length)] };
}

/** Texts as one, within what is moderated at once. */
export function joinedText(texts: readonly (string | null | undefined)[]): string {
  return texts.filter(Boolean).join('\n').slice(0, LONGEST_TEXT).toWellFormed();
}

/**
 * What to moderate: everything that customers wrote, as one input.
 * @param images URLs, or data URLs.
 */
export function safetyInput(
  texts: readonly (string | null | undefined)[],
  images: readonly string[] = [],
): ModerationRequest['input'] {
  return [
    { type: 'text', text: joinedText(texts) },
    ...images.map((url) => ({ type: 'image_url' as const, image_url: { url } })),
  ];
}
