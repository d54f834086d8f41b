/** The request of `POST /api/generate` and `POST /api/generations`: what to write, from what, and how. */
import { z } from 'zod';

export const CONTENT_TYPES = [
  'blog',
  'social',
  'audio',
  'video',
  'newsletter',
  'seo',
  'content_plan',
  'image_prompts',
] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];

/** Social networks that posts are written for. */
export const NETWORKS = ['linkedin', 'x', 'facebook', 'instagram', 'threads'] as const;
export type Network = (typeof NETWORKS)[number];

export const LENGTHS = ['short', 'medium', 'long'] as const;
export const MIN_WORDS = 150;
export const MAX_WORDS = 3_000;
export const MAX_VARIANTS = 3;
/** Of a source text, in characters. */
const MAX_SOURCE_LENGTH = 40_000;

const phrase = (max: number) => z.string().trim().min(1).max(max);

export const generateRequest = z
  .strictObject({
    topic: phrase(500).optional().describe('What to write about.'),
    text: phrase(MAX_SOURCE_LENGTH).optional().describe('A text to write from, such as an article.'),
    document_id: z.uuid().optional().describe('A document of the account to write from.'),
    content_types: z
      .array(z.enum(CONTENT_TYPES))
      .min(1)
      .max(CONTENT_TYPES.length)
      .refine((types) => new Set(types).size === types.length, 'must not repeat a content type')
      .default(['blog'])
      .describe(
        'What to produce. With `blog`, everything else is written from that article; without it, from the text or the topic.',
      ),
    length: z
      .union([z.enum(LENGTHS), z.int().min(MIN_WORDS).max(MAX_WORDS)])
      .default('medium')
      .describe('Words of the article: `short` (300), `medium` (800), `long` (1,500) or a number.'),
    tone: phrase(100).optional().describe('For example `friendly` or `expert`.'),
    audience: phrase(200).optional(),
    language: z
      .string()
      .trim()
      .min(2)
      .max(35)
      .optional()
      .describe('A BCP 47 tag or the name of a language; that of the topic or text by default.'),
    keywords: z.array(phrase(60)).max(10).optional().describe('Keywords to use.'),
    avoid_keywords: z.array(phrase(60)).max(10).optional().describe('Words and phrases to avoid.'),
    point_of_view: z.enum(['first_person', 'second_person', 'third_person']).optional(),
    call_to_action: phrase(200).optional().describe('What readers should do at the end.'),
    networks: z
      .array(z.enum(NETWORKS))
      .min(1)
      .max(NETWORKS.length)
      .refine((networks) => new Set(networks).size === networks.length, 'must not repeat a network')
      .optional()
      .describe('For `social`: one post for each; LinkedIn and X by default.'),
    horizon_days: z
      .int()
      .min(3)
      .max(365)
      .optional()
      .describe('For `content_plan`: days to plan, at most the horizon of the plan; 30 by default.'),
    model: phrase(200).optional().describe("A model of the plan; the plan's default if absent."),
    fit_budget: z
      .boolean()
      .optional()
      .describe('Shortens the article to what the limits allow, instead of a refusal.'),
    allow_degraded: z.boolean().optional(),
  })
  .refine(({ topic, text, document_id: documentId }) => topic ?? text ?? documentId, {
    path: ['topic'],
    message: 'Give a topic, a text or a document_id',
  })
  .refine(({ text, document_id: documentId }) => text === undefined || documentId === undefined, {
    path: ['text'],
    message: 'Give either a text or a document_id',
  })
  .meta({ id: 'GenerateRequest' });

export type GenerateRequest = z.infer<typeof generateRequest>;
