/** Waits until nothing moves any more, then holds the books against the witness and against what clients saw. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type Books, type CounterRecord, countOpenHolds, readBooks } from './books.ts';
import type { Outcome } from './calls.ts';
import { type Comparison, compare } from './compare.ts';
import type { Proof } from './proof.ts';
import { HOLD_TTL_MS } from './system.ts';
import type { TableRow } from './table.ts';
import { readWitness, type WitnessedCall } from './witness.ts';

export type Examination = Comparison & { books: Books; calls: WitnessedCall[] };

export type Subject = {
  accountIds: readonly string[];
  /** When the case began; earlier calls are not read. */
  since: Date;
  outcomes: readonly Outcome[];
  mayExceed?: (counter: CounterRecord) => boolean;
  /** Every call counts, also one that nobody can be found to have asked for. */
  isAll?: boolean;
};

const POLL_MS = 100;
const SWEEP_GRACE_MS = 20_000;

export async function examine(proof: Proof, subject: Subject): Promise<Examination> {
  const { pool, simulatorUrl } = proof.system;
  const { accountIds, since, outcomes, mayExceed, isAll = false } = subject;
  await untilNothingIsHeld(pool, accountIds);
  const books = await readBooks(pool, accountIds);
  const ours = new Set(books.holds.map(({ id }) => id));
  const calls = (await readWitness(simulatorUrl, since)).filter(
    ({ correlation }) => isAll || ours.has(correlation?.split('/')[0] ?? ''),
  );
  const answered = new Set(completed(outcomes));
  const comparison = compare({
    books,
    calls,
    answered,
    pricesOf: proof.pricesOf,
    ...(mayExceed ? { mayExceed } : {}),
  });
  return { ...comparison, books, calls };
}

/** Every hold is closed, or swept once its time is over. Holds that stay open are the comparison's to report. */
async function untilNothingIsHeld(pool: Pool, accountIds: readonly string[]): Promise<void> {
  const deadline = AbortSignal.timeout(HOLD_TTL_MS + SWEEP_GRACE_MS);
  while (!deadline.aborted && (await countOpenHolds(pool, accountIds)) > 0) await delay(POLL_MS);
}

/** The requests whose whole answer reached the client; a replay is the answer of the request before. */
function completed(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ isComplete, wasReplayed, requestId }) =>
    isComplete && !wasReplayed && requestId !== null ? [requestId] : [],
  );
}

export const isAdmitted = ({ status }: Outcome) => status === 200;
const LIMIT_CODES = ['limit_held', 'limit_blocked', 'limit_exceeded'];
export const isRefused = ({ status, code }: Outcome) => status === 429 && LIMIT_CODES.includes(code ?? '');

/** Requests that were neither served in full nor refused by a limit, where nothing else may happen. */
export function unexpected(outcomes: readonly Outcome[]): string[] {
  const odd = outcomes.filter((outcome) => !isRefused(outcome) && !outcome.isComplete);
  const kinds = Map.groupBy(odd, ({ status, code }) => `${status} ${code ?? ''}`.trim());
  return [...kinds].map(([kind, group]) => `${group.length} requests were answered ${kind}`);
}

/** The money that left and the money that is booked, for a row of the table. */
export function figures(
  { usedNanoUsd, heldAfter, providerCalls, books }: Examination,
  outcomes: readonly Outcome[],
): Pick<
  TableRow,
  'requests' | 'admitted' | 'refused' | 'used' | 'heldAfter' | 'usageRows' | 'providerCalls'
> {
  return {
    requests: outcomes.length,
    admitted: outcomes.filter(isAdmitted).length,
    refused: outcomes.filter(isRefused).length,
    used: String(costUsed(books)),
    heldAfter,
    usageRows: String(usedNanoUsd),
    providerCalls,
  };
}

/** What the accounts' own counters of cost say. */
function costUsed({ counters }: Books): bigint {
  // A plan's limit that a case has replaced goes on counting beside the one in force.
  const costs = counters.filter(
    ({ meter, scope, kind }) => meter === 'cost' && scope === 'account' && kind === 'n',
  );
  return costs.reduce((sum, { used }) => sum + used, 0n);
}
