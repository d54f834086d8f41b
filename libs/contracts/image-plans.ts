/** `/api/images`: what an account's plan includes of image generation, and how much of it is used. */
import { z } from 'zod';
import { usd } from './envelope.ts';
import * as example from './images-examples.ts';
import { limitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { planRef } from './plan-ref.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { planInfo } from './requirements.ts';

const tags = ['Images'];

export const imageCapabilities = z
  .object({
    plan: z.string(),
    can_generate: z.boolean().describe('Whether the plan includes any image model.'),
    default_model: z.string().nullable().describe('The model that `auto` selects.'),
    models: z.array(z.string()),
    qualities: z.record(z.string(), z.boolean()).describe('From the lowest to the highest.'),
    quality_presets: z.array(
      z.object({
        name: z.string(),
        quality: z.string(),
        width: z.int(),
        height: z.int(),
        included: z.boolean(),
      }),
    ),
    platforms: z.record(z.string(), z.boolean()),
    features: z
      .record(z.string(), z.boolean())
      .describe('Whether the plan includes each feature of an image request.'),
    max_count: z.int().describe('Most images of one request.'),
    max_prompt_length: z.int(),
  })
  .meta({ id: 'ImageCapabilities' });
export type ImageCapabilities = z.output<typeof imageCapabilities>;

export const getImageCapabilities = defineOperation({
  operationId: 'getImageCapabilities',
  method: 'GET',
  path: '/api/images/capabilities',
  summary: 'Image options that your plan includes',
  tags,
  auth: 'user',
  scope: 'any',
  responses: {
    200: {
      description: 'Models, qualities, presets, platforms and features.',
      schema: imageCapabilities,
      example: example.capabilities,
    },
    ...problemResponses(...USER_PROBLEMS, 'metering_unavailable'),
  },
});

export const imageModels = z
  .object({
    plan: z.string(),
    default_model: z.string().nullable(),
    models: z
      .array(
        z.object({
          model: z.string(),
          provider: z.string(),
          included: z.boolean(),
          price_per_image_usd: usd.describe(
            'The most that one image costs, over all sizes and qualities, without the text of its prompt.',
          ),
          sizes: z.array(z.string()).describe('Sizes to choose from; empty if the model decides.'),
          plans: z.array(planRef).describe('Higher plans that include it, by rank.'),
        }),
      )
      .describe('From the least to the best.'),
  })
  .meta({ id: 'ImageModels' });
export type ImageModels = z.output<typeof imageModels>;

export const listImageModels = defineOperation({
  operationId: 'listImageModels',
  method: 'GET',
  path: '/api/images/models',
  summary: 'Image models, and which your plan includes',
  tags,
  auth: 'user',
  scope: 'any',
  responses: {
    200: {
      description: 'Every image model that is sold.',
      schema: imageModels,
      example: example.models,
    },
    ...problemResponses(...USER_PROBLEMS, 'metering_unavailable'),
  },
});

export const imageUsage = z
  .object({
    plan: z.string(),
    usage: planInfo.shape.usage,
    badge: planInfo.shape.badge,
    upgrade_prompt: planInfo.shape.upgrade_prompt,
    limits: z.array(limitWire).describe('Every limit on images.'),
  })
  .meta({ id: 'ImageUsage' });
export type ImageUsage = z.output<typeof imageUsage>;

export const getImageUsage = defineOperation({
  operationId: 'getImageUsage',
  method: 'GET',
  path: '/api/images/usage',
  summary: 'Image usage and what is left',
  tags,
  auth: 'user',
  scope: 'usage:read',
  responses: {
    200: {
      description: 'The limits on images and their usage.',
      schema: imageUsage,
      example: example.usageReport,
    },
    ...problemResponses(...USER_PROBLEMS, 'metering_unavailable'),
  },
});

/** Answered by the gateway itself. */
export const IMAGE_READING_OPERATIONS = [getImageCapabilities, listImageModels, getImageUsage] as const;
