/**
 * `POST /internal/v1/content-inputs`: the texts of an account that a request for content names. The gateway needs them for
 * the bounds of its prompts, before it holds anything, and sends them back with the request.
 */
import { z } from 'zod';

const instruction = { id: z.uuid(), version: z.int() };

const sectionRewrite = z.object({
  /** From 1. */
  section: z.int(),
  /** The version of the document that it is read from. */
  version: z.int(),
  text: z.string(),
  words: z.int(),
  instructions: z.string().nullable(),
});
export type SectionRewrite = z.infer<typeof sectionRewrite>;

/** A post with what became of it. */
const earlierPost = z.object({
  kind: z.enum(['best', 'weakest']),
  network: z.string(),
  text: z.string(),
  impressions: z.int(),
  engagements: z.int(),
  clicks: z.int(),
});
export type EarlierPost = z.infer<typeof earlierPost>;

export const contentInputs = z.object({
  /** The page or document that is written from. */
  source: z
    .object({
      text: z.string(),
      title: z.string().nullable(),
      url: z.string().nullable(),
      document_id: z.uuid().nullable(),
      /** Of a document; a page has it in its text. */
      language: z.string().optional(),
    })
    .optional(),
  /** The recording that is transcribed first. */
  recording: z.object({ id: z.uuid(), seconds: z.int(), media_type: z.string() }).optional(),
  voice: z.object({ ...instruction, instructions: z.string() }).optional(),
  /** A custom prompt with its values, each of them fenced. */
  prompt: z.object({ ...instruction, text: z.string() }).optional(),
  /** Passages of the knowledge base, the best first. */
  passages: z
    .array(z.object({ id: z.string(), file_id: z.uuid(), title: z.string(), text: z.string() }))
    .optional(),
  /** Passages that no prompt includes, because moderation flagged them. */
  refused_passages: z.array(z.object({ title: z.string(), categories: z.array(z.string()) })).optional(),
  /** The section of that document which is rewritten, instead of writing something new. */
  rewrite: sectionRewrite.optional(),
  /** How few tokens the plan sells: prompts are shorter, and with `tiny`, results are too. */
  budget: z.enum(['small', 'tiny']).optional(),
  /** The run of an autopilot that the content is for. */
  autopilot: z
    .object({
      run_id: z.uuid(),
      /** Meters that its posts add to. */
      counts: z.record(z.string(), z.int()),
      /** Earlier posts to learn from. */
      examples: z.array(earlierPost),
    })
    .optional(),
  /** The message of the inbox that is answered. */
  message: z
    .object({
      id: z.uuid(),
      author: z.string(),
      /** What the account's CRM knows of the author. */
      contact: z.string().nullable(),
    })
    .optional(),
  /** The search providers that research asks, as the gateway chose them. */
  research: z.array(z.string()).optional(),
  /** Those that are asked, in this order, if that provider fails. */
  research_fallbacks: z.array(z.string()).optional(),
});
export type ContentInputs = z.infer<typeof contentInputs>;

export const CONTENT_INPUTS_PATH = '/internal/v1/content-inputs';

/** The approval of an outline: how many sections it has after the edits of its owner; null as they were planned. */
export const outlineApproval = z.object({ sections: z.int().nullable() });
export type OutlineApproval = z.infer<typeof outlineApproval>;

/** `POST /internal/v1/rewrite-inputs`: what the gateway plans the rewriting of a section from. */
export const REWRITE_INPUTS_PATH = '/internal/v1/rewrite-inputs';

export const rewriteOrder = z.object({
  document_id: z.uuid(),
  section: z.int().min(1),
  instructions: z.string().nullable(),
  words: z.int().nullable(),
  base_version: z.int().nullable(),
  brand_voice: z.string().nullable(),
});
export type RewriteOrder = z.infer<typeof rewriteOrder>;

export const rewriteInputs = z.object({ language: z.string().nullable(), inputs: contentInputs });
