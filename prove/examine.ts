/** Waits until the system is idle, then compares the ledger with the witness and with the clients' outcomes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Outcome } from './calls.ts';
import { type Comparison, compare } from './compare.ts';
import {
  type CounterRecord,
  countOpenHolds,
  countRunningJobs,
  type LedgerState,
  readLedgerState,
} from './ledger-state.ts';
import type { Proof } from './proof.ts';
import { HOLD_TTL_MS } from './system.ts';
import type { TableRow } from './table.ts';
import { readWitness, type WitnessedCall } from './witness.ts';

export type Examination = Comparison & { ledgerState: LedgerState; calls: WitnessedCall[] };

export type Subject = {
  accountIds: readonly string[];
  /** The start of the case; earlier calls are not read. */
  since: Date;
  outcomes: readonly Outcome[];
  mayExceed?: (counter: CounterRecord) => boolean;
  /** Include calls without a known request too. */
  isAll?: boolean;
};

const POLL_MS = 100;
const SWEEP_GRACE_MS = 90_000;
/** The output of the longest stream in the proof's traffic: on a busy machine all of it can be in the socket. */
const UNREAD_TOKENS = 200;

export async function examine(proof: Proof, subject: Subject): Promise<Examination> {
  const { pool, simulatorUrl } = proof.system;
  const { accountIds, since, outcomes, mayExceed, isAll = false } = subject;
  await untilIdle(pool, accountIds);
  const ledgerState = await readLedgerState(pool, accountIds);
  const ours = new Set(ledgerState.holds.map(({ id }) => id));
  const calls = (await readWitness(simulatorUrl, since)).filter(
    ({ correlation }) => isAll || ours.has(correlation?.split('/')[0] ?? ''),
  );
  const answered = new Set(completed(outcomes));
  const comparison = compare({
    ledgerState,
    calls,
    answered,
    pricesOf: proof.pricesOf,
    unreadTokens: UNREAD_TOKENS,
    ...(mayExceed ? { mayExceed } : {}),
  });
  return { ...comparison, ledgerState, calls };
}

/** Waits until every hold is closed or expired, and every job has ended. The comparison reports holds that stay open. */
async function untilIdle(pool: Pool, accountIds: readonly string[]): Promise<void> {
  const deadline = AbortSignal.timeout(HOLD_TTL_MS + SWEEP_GRACE_MS);
  for (const count of [countOpenHolds, countRunningJobs]) {
    while (!deadline.aborted && (await count(pool, accountIds)) > 0) await delay(POLL_MS);
  }
}

/** Requests whose complete response reached the client; a replay belongs to the original request. */
function completed(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ isComplete, wasReplayed, requestId }) =>
    isComplete && !wasReplayed && requestId !== null ? [requestId] : [],
  );
}

export const isAdmitted = ({ status }: Outcome) => status === 200;
const LIMIT_CODES = ['limit_held', 'limit_blocked', 'limit_exceeded', 'parallel_limit'];
export const isRefused = ({ status, code }: Outcome) => status === 429 && LIMIT_CODES.includes(code ?? '');

/** Requests that were neither served in full nor refused by a limit, where nothing else may happen. */
export function unexpected(outcomes: readonly Outcome[]): string[] {
  const odd = outcomes.filter((outcome) => !isRefused(outcome) && !outcome.isComplete);
  const kinds = Map.groupBy(odd, ({ status, code }) => `${status} ${code ?? ''}`.trim());
  return [...kinds].map(([kind, group]) => `${group.length} requests were answered ${kind}`);
}

/** Amounts spent and recorded, for a row of the table. */
export function figures(
  { usedNanoUsd, heldAfter, providerCalls, ledgerState }: Examination,
  outcomes: readonly Outcome[],
): Pick<
  TableRow,
  'requests' | 'admitted' | 'refused' | 'used' | 'heldAfter' | 'usageRows' | 'providerCalls'
> {
  return {
    requests: outcomes.length,
    admitted: outcomes.filter(isAdmitted).length,
    refused: outcomes.filter(isRefused).length,
    used: String(costUsed(ledgerState)),
    heldAfter,
    usageRows: String(usedNanoUsd),
    providerCalls,
  };
}

/** The cost counters of the accounts. */
function costUsed({ counters }: LedgerState): bigint {
  // A plan's limit that a case has replaced continues to count in addition to the current one.
  const costs = counters.filter(
    ({ meter, scope, kind }) => meter === 'cost' && scope === 'account' && kind === 'n',
  );
  return costs.reduce((sum, { used }) => sum + used, 0n);
}
