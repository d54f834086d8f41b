/** Fields shared by the decisions of staff. */
import { z } from 'zod';

export const reason = z.string().trim().min(1).max(500).describe('Recorded in the audit log.');

/** The query of operations without a body. */
export const givenReason = z.object({ reason: reason.optional() });

/** The name of a segment: a group of accounts that staff maintain. */
export const segmentName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must consist of lower case letters, digits, - and _')
  .describe('For example `new_tester`.');
