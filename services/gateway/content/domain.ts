import type { ContentInputs, OutlineApproval } from '#libs/contracts/content-inputs.ts';
import type { ArticleOutline, GenerateRequest } from '#libs/contracts/generate.ts';

/** A request for content as generation receives it. */
export type ContentBody = GenerateRequest & {
  /** The texts that it names. */
  inputs?: ContentInputs;
  /** The job that it continues, instead of a new one. */
  resume?: string;
  /** The approval of the outline of that job. */
  approval?: OutlineApproval & { outline?: ArticleOutline };
};
