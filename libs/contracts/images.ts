/** `POST /api/images/generate`: images by the models of the plan. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import * as example from './images-examples.ts';
import { defineOperation } from './operation.ts';
import { problemResponses } from './problem-responses.ts';
import { degradations, planInfo, REQUIRES_API_ACCESS } from './requirements.ts';
import { SOCIAL_PLATFORMS } from './social.ts';
import { contentFailure, type StreamEvent } from './stream-events.ts';

export const MAX_IMAGES = 4;
export const LONGEST_IMAGE_PROMPT = 1000;
export const MAX_PARTIAL_IMAGES = 3;

/** 256 and 512 KiB in Base64. */
const LONGEST_WATERMARK = 349_528;
const LONGEST_STYLE_IMAGE = 699_052;

const imageFile = (longest: number) =>
  z
    .base64()
    .max(longest)
    .regex(/^(iVBORw0KGgo|\/9j\/|UklGR)/, 'must be a PNG, JPEG or WebP')
    .nullish();

const side = z.int().min(256).max(4096);
const shortText = (longest: number) => z.string().trim().min(1).max(longest).optional();

export const imageRequest = z
  .strictObject({
    prompt: z.string().trim().min(1).max(LONGEST_IMAGE_PROMPT).describe('What to draw.'),
    platform: z.enum(SOCIAL_PLATFORMS).default('instagram').describe('Where it will be shown.'),
    quality_preset: z
      .string()
      .min(1)
      .max(100)
      .nullish()
      .describe(
        "A preset of `GET /api/images/capabilities`, which sets quality and size; the plan's best if absent.",
      ),
    model: z
      .string()
      .min(1)
      .max(200)
      .default('auto')
      .describe(
        'A model of `GET /api/images/models`; `auto` is the best one of the plan that the limits admit, and others of the plan draw if it fails.',
      ),
    content_context: shortText(500).describe('The content that the image goes with.'),
    industry_context: shortText(200),
    tone: shortText(100).describe('For example `playful` or `sober`.'),
    count: z
      .int()
      .min(1)
      .max(MAX_IMAGES)
      .default(1)
      .describe('More than one requires the feature `image_batch`.'),
    quality: z
      .string()
      .min(1)
      .max(100)
      .nullish()
      .describe(
        'A quality of the plan, instead of that of the preset, at the size of the preset. Requires the feature `image_advanced_quality`.',
      ),
    enable_post_processing: z
      .boolean()
      .default(false)
      .describe(
        'Adapts shape, style and size in pixels of the image to the platform, and applies `watermark` and `output_format`; `post_processing` in the response lists the adaptations. Requires the feature `image_post_processing`.',
      ),
    output_format: z
      .enum(['png', 'jpeg', 'webp'])
      .nullish()
      .describe('With `enable_post_processing`; the format of the model if absent.'),
    watermark: imageFile(LONGEST_WATERMARK).describe(
      'With `enable_post_processing`: a logo for the lower right corner, as PNG, JPEG or WebP of at most 256 KiB, in Base64.',
    ),
    style_image: imageFile(LONGEST_STYLE_IMAGE).describe(
      'An image in whose style to draw, as PNG, JPEG or WebP of at most 512 KiB, in Base64. It is sent to models that take images (`gpt_image_1`); for the others, a model that sees describes its style first, as a call of its own. Requires the feature `image_style_transfer`.',
    ),
    generate_alt_text: z
      .boolean()
      .default(false)
      .describe('Adds a text alternative for each image. Requires the feature `alt_text`.'),
    custom_options: z
      .strictObject({ width: side, height: side })
      .nullish()
      .describe('A size of the model, in pixels. Requires the feature `image_custom_size`.'),
    response_format: z
      .enum(['b64_json', 'url'])
      .default('b64_json')
      .describe('`url` stores the images, and returns a link that works for a day; see `/api/media`.'),
    stream: z
      .boolean()
      .default(false)
      .describe(
        'Server-sent events: each image as soon as it is drawn, then everything else. Requires the feature `image_streaming`.',
      ),
    partial_images: z
      .int()
      .min(0)
      .max(MAX_PARTIAL_IMAGES)
      .optional()
      .describe(
        'With `stream`: previews of each image while it is drawn, by models that send them (`gpt_image_1`). Each is billed as 100 output tokens.',
      ),
    allow_degraded: z.boolean().optional(),
  })
  .refine(({ stream, partial_images: partials = 0 }) => stream || partials === 0, {
    path: ['partial_images'],
    message: 'requires stream',
  })
  .meta({ id: 'ImageRequest' });
export type ImageRequest = z.output<typeof imageRequest>;

/** As the gateway sends it to generation: prompts of other routes may be longer. */
export const imageOrder = imageRequest.safeExtend({ prompt: z.string().min(1) });

const drawnImage = z.object({
  b64_json: z
    .string()
    .nullable()
    .describe('The image, in Base64; null if it is stored, or was sent in an event before.'),
  url: z.string().nullable().describe('With `response_format: url`: a link that works for a day.'),
  alt_text: z.string().nullable(),
  media_type: z.string().nullable().describe('Null for an image that is only linked.'),
  width: z.int().nullable(),
  height: z.int().nullable(),
});

export const imageResult = z
  .looseObject({
    status: z.literal('success'),
    images: z.array(drawnImage).min(1),
    size: z
      .string()
      .nullable()
      .describe('As requested of the provider, in pixels or as a ratio; null if the model decides.'),
    quality: z.string().nullable().describe('A quality of the plan.'),
    post_processing: z.array(z.string()).describe('The adaptations to the platform.'),
    incomplete: z
      .array(z.enum(['images', 'alt_text', 'post_processing']))
      .describe(
        'Parts that are missing: calls of providers that failed, which are not charged, or adaptations that could not be made.',
      ),
    plan_info: planInfo.optional(),
    degraded: degradations.optional(),
  })
  .meta({ id: 'ImageResult' });

const position = z.int().min(0).describe('The position of the image in the result.');

const imageEvents: readonly StreamEvent[] = [
  {
    name: 'partial_image',
    description: 'With `partial_images`: a preview.',
    data: z.looseObject({ index: position, partial_image_index: z.int().min(0), b64_json: z.string() }),
  },
  {
    name: 'image',
    description: 'An image, when it is drawn and settled.',
    data: drawnImage.extend({ index: position }),
  },
  { name: 'complete', description: 'Everything else. Ends the stream.', data: imageResult },
  contentFailure,
];

const tags = ['Images'];

export const generateImages = defineOperation({
  operationId: 'generateImages',
  method: 'POST',
  path: '/api/images/generate',
  summary: 'Draw images',
  description: [
    'Every image counts against the plan. A request for something that the plan does not include is refused with 403,',
    'which lists what it includes, the plans that include more, and changes to the request in `fallback_options`. With',
    '`allow_degraded` the first of them is applied, and `degraded` in the response lists the changes.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: [
    REQUIRES_API_ACCESS,
    { kind: 'model', of: 'image', field: 'model' },
    { kind: 'quality', field: 'quality_preset' },
    { kind: 'platform', field: 'platform' },
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
      feature: 'image_advanced_quality',
      when: { field: 'quality', is: 'set' },
      without: { quality: null },
    },
    {
      kind: 'feature',
      feature: 'image_streaming',
      when: { field: 'stream', is: 'true' },
      without: { stream: false, partial_images: null },
    },
    {
      kind: 'feature',
      feature: 'image_style_transfer',
      when: { field: 'style_image', is: 'set' },
      without: { style_image: null },
    },
    {
      kind: 'model',
      of: 'text',
      field: null,
      role: 'vision',
      when: { field: 'style_image', is: 'set' },
      without: { style_image: null },
    },
    {
      kind: 'feature',
      feature: 'image_post_processing',
      when: { field: 'enable_post_processing', is: 'true' },
      without: { enable_post_processing: false },
    },
    {
      kind: 'feature',
      feature: 'alt_text',
      when: { field: 'generate_alt_text', is: 'true' },
      without: { generate_alt_text: false },
    },
    {
      kind: 'model',
      of: 'text',
      field: null,
      role: 'vision',
      when: { field: 'generate_alt_text', is: 'true' },
      without: { generate_alt_text: false },
    },
  ],
  headers: idempotencyHeaders,
  body: imageRequest,
  bodyExample: example.request,
  responses: {
    200: {
      description: 'The images.',
      schema: imageResult,
      example: example.result,
      events: imageEvents,
      eventStreamExample: example.events,
    },
    ...problemResponses(
      ...METERING_PROBLEMS,
      'unsupported_parameter',
      'unknown_model',
      'feature_not_in_plan',
      'quality_not_in_plan',
      'platform_not_in_plan',
      'payment_required',
    ),
  },
});
