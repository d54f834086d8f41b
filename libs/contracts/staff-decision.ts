/** What decisions of staff have in common. */
import { z } from 'zod';

export const reason = z.string().trim().min(1).max(500).describe('Kept in the audit log.');

/** For operations without a body. */
export const givenReason = z.object({ reason: reason.optional() });

/** The name of a group that staff put accounts into. */
export const segmentName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be lower case letters, digits, - and _')
  .describe('Such as `new_tester`.');
