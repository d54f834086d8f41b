/** OpenAI's image generation (https://platform.openai.com/docs/api-reference/images/create). */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { MAX_IMAGES, MAX_PARTIAL_IMAGES } from './images.ts';
import { defineOperation } from './operation.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import type { StreamEvent } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

/** The longest prompt that any image model takes. */
export const LONGEST_DRAWING_PROMPT = 32_000;

export const imageGenerationRequest = z
  .strictObject({
    prompt: z.string().trim().min(1).max(LONGEST_DRAWING_PROMPT),
    model: z
      .string()
      .min(1)
      .max(200)
      .nullish()
      .transform((model) => model ?? 'auto')
      .describe('A model of `GET /api/images/models`; the best one of the plan unless given.'),
    n: z.int().min(1).max(MAX_IMAGES).nullish().describe('More than one requires the feature `image_batch`.'),
    size: z
      .string()
      .regex(/^(?:auto|\d{2,4}x\d{2,4})$/, 'must be auto or a size in pixels such as 1024x1024')
      .nullish()
      .describe(
        'A size of the model, or `auto`. Sizes other than 1024x1024 require the feature `image_custom_size`.',
      ),
    quality: z
      .string()
      .max(20)
      .nullish()
      .describe(
        'A quality of the model, such as `low`, `medium`, `high`, `standard` or `hd`; the best of the plan for `auto`.',
      ),
    response_format: z
      .enum(['url', 'b64_json'])
      .nullish()
      .describe(
        '`b64_json` unless given. `url` stores the images, and returns links that work for a day; see `/api/media`.',
      ),
    stream: z
      .boolean()
      .nullish()
      .describe('Each image as an event as soon as it is drawn. Requires the feature `image_streaming`.'),
    partial_images: z
      .int()
      .min(0)
      .max(MAX_PARTIAL_IMAGES)
      .nullish()
      .describe('With `stream`: previews of each image, by models that send them.'),
    user: z.string().max(512).nullish(),
    allow_degraded: z.boolean().optional(),
  })
  .meta({ id: 'ImageGenerationRequest' });
export type ImageGenerationRequest = z.output<typeof imageGenerationRequest>;

export const imageList = z
  .looseObject({
    created: z.int(),
    data: z.array(z.looseObject({ b64_json: z.string().optional(), url: z.string().optional() })).min(1),
  })
  .meta({ id: 'ImageList' });

const imageEvent = { b64_json: z.string().nullable(), created_at: z.int() };

const imageGenerationEvents: readonly StreamEvent[] = [
  {
    name: 'image_generation.partial_image',
    description: 'A preview.',
    data: z.looseObject({
      type: z.literal('image_generation.partial_image'),
      partial_image_index: z.int().min(0),
      ...imageEvent,
    }),
  },
  {
    name: 'image_generation.completed',
    description: 'An image, when it is drawn and settled. With `response_format: url`, it has a `url`.',
    data: z.looseObject({ type: z.literal('image_generation.completed'), ...imageEvent }),
  },
  {
    name: 'error',
    description: 'Ends a stream that failed.',
    data: z.looseObject({ error: z.looseObject({ message: z.string() }) }),
  },
];

export const createImage = defineOperation({
  operationId: 'createImage',
  method: 'POST',
  path: '/v1/images/generations',
  summary: 'Draw images with any image model of the plan',
  description: [
    "OpenAI's image generation over the same pipeline as `POST /api/images/generate`: images count against the plan, and",
    'its qualities, batches and sizes apply.',
  ].join(' '),
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  requirements: [
    REQUIRES_API_ACCESS,
    { kind: 'model', of: 'image', field: 'model' },
    {
      kind: 'feature',
      feature: 'image_batch',
      when: { field: 'count', is: 'several' },
      without: { count: 1 },
    },
    {
      kind: 'feature',
      feature: 'image_custom_size',
      when: { field: 'custom_options', is: 'set' },
      without: { custom_options: null },
    },
    {
      kind: 'feature',
      feature: 'image_streaming',
      when: { field: 'stream', is: 'true' },
      without: { stream: false, partial_images: null },
    },
  ],
  headers: idempotencyHeaders,
  body: imageGenerationRequest,
  bodyExample: { prompt: 'A fountain pen resting on a letter, morning light', size: '1024x1024' },
  responses: {
    200: {
      description: 'The images.',
      schema: imageList,
      example: { created: 1_795_219_200, data: [{ b64_json: 'iVBORw0KGgo=' }] },
      events: imageGenerationEvents,
      eventStreamExample:
        'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"iVBORw0KGgo=","created_at":1795219200}\n\n',
    },
    ...vendorProblems(
      'openai',
      ...METERING_PROBLEMS,
      'unsupported_parameter',
      'unknown_model',
      'feature_not_in_plan',
      'quality_not_in_plan',
      'payment_required',
    ),
  },
});
