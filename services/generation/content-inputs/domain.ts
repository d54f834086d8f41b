import type { z } from 'zod';
import type { ContentInputs, RewriteOrder, rewriteInputs } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';

/** Finds the texts of an account that requests for content name. */
export type ContentInputResolver = {
  /**
   * @throws ProblemError `not_found` for a document, job, file, voice or prompt that the account does not have;
   * `semantic_error` for a page that cannot be read and a prompt without a value.
   */
  readonly resolve: (caller: Caller, request: GenerateRequest) => Promise<ContentInputs>;
  /** Only what is written from. */
  readonly resolveSource: (caller: Caller, request: GenerateRequest) => Promise<ContentInputs['source']>;
  /** @throws ProblemError `not_found` without that article or section; `semantic_error` for one that is too long. */
  readonly resolveRewrite: (caller: Caller, order: RewriteOrder) => Promise<z.infer<typeof rewriteInputs>>;
};

/** Passages of the knowledge base for one request: enough for an article, few enough for every section to read them. */
export const MAX_PASSAGES = 6;

/** Of a custom prompt with its values. Every step that writes reads it. */
export const MAX_PROMPT_BYTES = 8_000;

/** Of a page or document. More is cut at the end of a word. */
export const MAX_SOURCE_BYTES = 16_000;
