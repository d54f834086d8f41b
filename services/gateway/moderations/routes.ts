import { createModeration, type ModerationRequest } from '#libs/contracts/moderations.ts';
import { planModeration } from '#libs/pipelines/moderation.ts';
import { requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';

/** `POST /v1/moderations`: one provider call, which costs nothing. */
export const createModerationRoute: MeteredRoute<ModerationRequest> = {
  operation: createModeration,
  rateLimitClass: () => ({ generation: false, stream: false }),
  plan: (check) => {
    const { info, wire } = requiredModel(check, 'moderation');
    return planModeration(info, wire);
  },
};
