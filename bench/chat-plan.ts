import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { toWire } from '#libs/pricing/price-wire.ts';

/** What the gateway plans for a chat with one call. */
export const CHAT_PLAN: CallPlan = {
  kind: 'chat',
  calls: [
    {
      index: 0,
      step: 'chat',
      provider: 'openai',
      model: 'gpt-4o-mini',
      upstreamModel: 'gpt-4o-mini',
      inputTokens: 1_000,
      outputTokens: 256,
      choices: 1,
      otherUnits: {},
      counts: {},
      price: toWire({
        provider: 'openai',
        model: 'gpt-4o-mini',
        version: 'bench',
        tiers: [
          { fromInputTokens: 0, picoUsdPerUnit: { input: 150_000n, cache_read: 75_000n, output: 600_000n } },
        ],
      }),
    },
  ],
};
