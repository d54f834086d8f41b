/** The plan of generated content: a pipeline of provider calls, all of them held before the first one starts. */
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { type ContentPlanInput, type MediaModels, planContent } from '#libs/pipelines/content/plan.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import { type PlanModelKind, visionChain } from '../entitlements/domain/models.ts';
import type { PlanBounds } from '../metering/domain/route.ts';
import { type PriceBook, textModel } from '../prices/domain.ts';
import { isModerated, moderationModel } from '../safety/domain.ts';
import type { ContentBody } from './domain.ts';

/** @param resumed for a job that continues. */
export function planGeneratedContent(
  kind: 'generate' | 'job',
  check: EntitlementCheck<ContentBody>,
  { scale }: PlanBounds,
  priceBook: PriceBook,
  resumed?: ContentPlanInput['resumed'],
): CallPlan {
  const { info, wire } = requiredModel(check, 'text');
  requireHorizon(check);
  const { inputs = {}, resume: _, approval: __, ...request } = check.body;
  return planContent({
    kind,
    request,
    inputs,
    searchModels: searchModelsOf(inputs, priceBook),
    mediaModels: mediaModelsOf(check, priceBook),
    moderation: isModerated('content')(check) ? moderationModel(priceBook) : undefined,
    model: info,
    price: wire,
    ...(check.chains && {
      models: { writer: check.chains.writer.map(textModel), fast: check.chains.fast.map(textModel) },
    }),
    outputTokensCap: check.entitlements.outputTokensCap.value,
    scale,
    ...(resumed && { resumed }),
  });
}

/** A model that sees describes what was drawn; without one in the plan, a writer describes it from its title. */
function mediaModelsOf(
  { models, fallbacks, entitlements }: EntitlementCheck<ContentBody>,
  priceBook: PriceBook,
): MediaModels {
  const { image, speech, audio } = models;
  const { qualities } = entitlements;
  const [vision, ...otherVision] = visionChain(entitlements, priceBook).map(textModel);
  const replacing = (kind: PlanModelKind) => ({ fallbacks: fallbacks?.[kind]?.map(textModel) ?? [] });
  return {
    ...(image && {
      image: {
        image: textModel(image),
        ...replacing('image'),
        quality: qualities.allowed.at(-1) ?? null,
        qualities: qualities.ladder,
      },
      ...(vision && { vision: { ...vision, fallbacks: fallbacks === undefined ? [] : otherVision } }),
    }),
    ...(speech && { speech: { ...textModel(speech), ...replacing('speech') } }),
    ...(audio && { transcription: { ...textModel(audio), ...replacing('audio') } }),
  };
}

function searchModelsOf(
  { research = [], research_fallbacks: fallbacks = [] }: ContentInputs,
  priceBook: Pick<PriceBook, 'models' | 'priced'>,
) {
  const providers = [...research, ...fallbacks];
  return priceBook
    .models()
    .filter(({ kind, provider }) => (kind === 'search' || kind === 'page') && providers.includes(provider))
    .map((info) => ({ model: info, price: priceBook.priced(`${info.provider}/${info.model}`).wire }));
}

/**
 * The same content for less, the nearest first: without the reserve for fallback models, then by the cheaper models of the
 * plan. A model that the client named stays.
 */
export function cheaperContent<B extends ContentBody>(check: EntitlementCheck<B>): EntitlementCheck<B>[] {
  const { chains, cheaper = [], models } = check;
  const { fallbacks, ...rest } = check;
  const { research_fallbacks: searchFallbacks, ...inputs } = check.body.inputs ?? {};
  const alone = searchFallbacks === undefined ? rest : { ...rest, body: { ...check.body, inputs } };
  if (chains === undefined) return fallbacks === undefined && searchFallbacks === undefined ? [] : [alone];
  const fast = chains.fast.slice(0, 1);
  return [requiredModel(check, 'text'), ...cheaper].map((writer) => ({
    ...alone,
    models: { ...models, text: writer },
    chains: { writer: [writer], fast },
  }));
}

/** @throws ProblemError `feature_not_in_plan` for a calendar beyond the plan's horizon. */
function requireHorizon({ body, entitlements }: EntitlementCheck<ContentBody>): void {
  const { value: horizon } = entitlements.horizonDays;
  const { horizon_days: days } = body;
  if (horizon === null || days === undefined || days <= horizon) return;
  throw problem('feature_not_in_plan', {
    detail: `The plan includes calendars of up to ${horizon} days.`,
    fields: { plan: entitlements.plan.key, feature: 'horizon_days' },
  });
}
