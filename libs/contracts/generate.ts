/** The request of `POST /api/generate`: content about a topic. */
import { z } from 'zod';

export const CONTENT_TYPES = ['blog', 'social'] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];

export const generateRequest = z
  .strictObject({
    topic: z.string().trim().min(1).max(500).describe('What to write about.'),
    content_types: z
      .array(z.enum(CONTENT_TYPES))
      .min(1)
      .max(CONTENT_TYPES.length)
      .default(['blog'])
      .describe('What to produce. `social` is written from a blog article, so the article is produced too.'),
    tone: z.string().trim().min(1).max(100).optional().describe('For example `friendly` or `expert`.'),
    audience: z.string().trim().min(1).max(200).optional(),
    language: z
      .string()
      .trim()
      .min(2)
      .max(35)
      .optional()
      .describe('A BCP 47 tag or the name of a language; English by default.'),
    model: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("A model of the plan; the plan's default if absent."),
    fit_budget: z.boolean().optional(),
    allow_degraded: z.boolean().optional(),
  })
  .meta({ id: 'GenerateRequest' });

export type GenerateRequest = z.infer<typeof generateRequest>;
