/** Trials of plans. */
import { z } from 'zod';
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
  summary: 'Start a trial',
  description:
    'For accounts on a free plan, once per account and per owner. A trial ends by itself and is never charged.',
  tags: ['Plans'],
  auth: 'user',
  body: z
    .strictObject({ plan: z.string().min(1).max(100).describe('Key or alias of a plan.') })
    .meta({ id: 'TrialChoice' }),
  bodyExample: { plan: 'pro' },
  responses: {
    200: {
      description: 'The subscription in its trial, which ends at `trial_ends_at`.',
      schema: currentSubscription,
      example: { ...exampleSubscription, status: 'trialing', trial_ends_at: '2026-12-04T12:00:00.000Z' },
    },
    ...problemResponses(...USER_PROBLEMS, 'role_required', 'unknown_plan', 'trial_not_available'),
  },
});

export const trialOperations = [startTrial] as const;
