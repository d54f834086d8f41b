/** The plan of a moderation: one call, which is counted as a request and has no tokens. */
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';

export const MODERATION_STEP = 'moderation';

export function planModeration(model: ModelInfo, price: ModelPriceWire): CallPlan {
  return {
    kind: 'moderation',
    calls: [
      {
        index: 0,
        step: MODERATION_STEP,
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
      },
    ],
  };
}
