/** A rollout: a pass over the accounts, in batches, after a change that affects many of them. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';

export const rollout = z
  .object({
    id: z.uuid(),
    state: z
      .enum(['running', 'done', 'superseded'])
      .describe('`superseded`: a later change of the same kind replaced this rollout.'),
    accounts_total: count.describe('Accounts affected at its start.'),
    accounts_done: count,
    accounts_failed: count.describe('Accounts that keep their previous terms; the log has the reasons.'),
    author: z.string(),
    created_at: instant,
    updated_at: instant.describe('When its state or its counts were changed last.'),
    finished_at: instant.nullable(),
  })
  .meta({ id: 'Rollout' });
export type RolloutWire = z.output<typeof rollout>;

export const exampleRollout: RolloutWire = {
  id: '019e3f63-4444-7a10-8c01-5d2f7b9a4e10',
  state: 'running',
  accounts_total: 1200,
  accounts_done: 400,
  accounts_failed: 0,
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:04.000Z',
  finished_at: null,
};
