/** Trying a plan before buying it. */

import { z } from 'zod';
import { envelope } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { currentSubscription } from './plans.ts';
import { currentSubscription as exampleSubscription } from './plans-examples.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const startTrial = defineOperation({
  operationId: 'startTrial',
  method: 'POST',
  path: '/api/plans/start-trial',
  headers: idempotencyHeaders,
  summary: 'Try a plan',
  description:
    'For accounts on a plan that costs nothing, once per account and per owner. It ends by itself: nothing has to be cancelled, and nothing is charged.',
  tags: ['Plans'],
  auth: 'user',
  body: z
    .strictObject({ plan: z.string().min(1).max(100).describe('Key or alias of a plan.') })
    .meta({ id: 'TrialChoice' }),
  bodyExample: { plan: 'pro' },
  responses: {
    200: {
      description: 'The subscription as it is now; `trial_ends_at` says how long.',
      schema: envelope(currentSubscription),
      example: {
        success: true,
        data: { ...exampleSubscription, status: 'trialing', trial_ends_at: '2026-12-04T12:00:00.000Z' },
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'role_required', 'unknown_plan', 'trial_not_available'),
  },
});

export const trialOperations = [startTrial] as const;
