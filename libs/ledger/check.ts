/** Decisions without holds. */
import { holdProgram } from './hold.ts';
import type { Session } from './load.ts';
import type { Program } from './two-step.ts';
import type { HoldAnswer, HoldRequest } from './types.ts';

/** Decides as a batch of holds would, one after another, and writes none of it. */
export function* checkProgram(session: Session, requests: readonly HoldRequest[]): Program<HoldAnswer[]> {
  const { result } = yield* holdProgram(session, requests, false);
  return { writes: [], result };
}
