/** Moderates the texts of a request for content, under its hold, before it becomes a job. */
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import type { CallRunner } from '../calls/domain/run-call.ts';
import { createSettlement, type SettlementOptions } from '../calls/domain/settlement.ts';
import type { Providers } from '../providers/domain/providers.ts';
import type { ActiveRequests } from '../requests/domain/active-requests.ts';
import type { ReceivedHead } from '../requests/domain/generation-request.ts';
import { moderateTexts } from '../safety/domain.ts';

export type ModerateOptions = SettlementOptions & {
  runner: CallRunner;
  providers: Pick<Providers, 'moderationsIfConfigured'>;
  activeRequests: ActiveRequests;
};

/** @returns the categories for which each passage is flagged; none for one that may be used. */
export type Moderate = (
  head: ReceivedHead,
  texts: readonly string[],
  passages?: readonly string[],
) => Promise<string[][]>;

/** A moderation takes a second; its job may have hours. */
const MAX_MS = 60_000;
const SETTLEMENT_MS = 10_000;

/** Does nothing for a plan without a moderation. It throws ProblemError `prompt_refused` or `emergency_stop`. */
export function createModerate(options: ModerateOptions): Moderate {
  const { activeRequests, providers, runner } = options;
  return async ({ requestId, caller, plan, traceparent }, texts, passages = []) => {
    const call = plan.calls.find(({ step, after }) => step === SAFETY_STEP && after === undefined);
    if (call === undefined) return passages.map(() => []);
    const { accountId, keyId } = caller;
    const deadlineMs = performance.now() + MAX_MS;
    const expiresAtMs = deadlineMs + SETTLEMENT_MS;
    const settlement = createSettlement(options, { holdId: requestId, accountId, expiresAtMs });
    const targets = [call.provider, `${call.provider}/${call.model}`];
    const active = activeRequests.begin({ accountId, keyId, targets, deadlineMs, traceparent });
    try {
      const adapter = providers.moderationsIfConfigured(call.provider);
      const moderation = { requestId, active, settlement, runner, call, texts, passages, adapter };
      return await moderateTexts(moderation);
    } finally {
      activeRequests.finish(active);
    }
  };
}
