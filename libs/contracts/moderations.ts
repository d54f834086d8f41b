/** OpenAI's moderations (https://platform.openai.com/docs/api-reference/moderations/create). */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { vendorProblems } from './vendor-problems.ts';

/** Moderation is free, so the size of a request is bounded here. */
const MAX_INPUTS = 32;
const MAX_TEXT_LENGTH = 100_000;

const text = z.string().max(MAX_TEXT_LENGTH);
const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text }),
  z.strictObject({ type: z.literal('image_url'), image_url: z.strictObject({ url: z.string().min(1) }) }),
]);

export const moderationRequest = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .max(200)
      .default('omni-moderation-latest')
      .describe('A moderation model; OpenAI’s latest one by default.'),
    input: z.union([text, z.array(text).min(1).max(MAX_INPUTS), z.array(part).min(1).max(MAX_INPUTS)], {
      error: `must be a text, or a list of at most ${MAX_INPUTS} texts or parts of type text and image_url`,
    }),
  })
  .meta({ id: 'ModerationRequest' });
export type ModerationRequest = z.output<typeof moderationRequest>;

export const moderation = z
  .looseObject({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.looseObject({
        flagged: z.boolean(),
        categories: z.record(z.string(), z.boolean()),
        category_scores: z.record(z.string(), z.number()),
      }),
    ),
  })
  .meta({ id: 'Moderation' });

export const createModeration = defineOperation({
  operationId: 'createModeration',
  method: 'POST',
  takesMedia: true,
  path: '/v1/moderations',
  summary: 'Classify texts and images by whether they may be harmful',
  description:
    'Costs nothing and is part of every plan. Each request is recorded, and counts against rate limits and limits on requests.',
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'moderation', field: 'model' }],
  headers: idempotencyHeaders,
  body: moderationRequest,
  bodyExample: { input: 'I will water your flowers.' },
  responses: {
    200: {
      description: 'One result for each text; one for all parts together.',
      schema: moderation,
      example: {
        id: 'modr-9f1c',
        model: 'omni-moderation-latest',
        results: [
          {
            flagged: false,
            categories: { violence: false, harassment: false },
            category_scores: { violence: 0.0002, harassment: 0.0001 },
          },
        ],
      },
    },
    ...vendorProblems(
      'openai',
      ...METERING_PROBLEMS,
      'unknown_model',
      'feature_not_in_plan',
      'payment_required',
    ),
  },
});
