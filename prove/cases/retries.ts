/**
 * 5. Retries. Clients that repeat a request under the same `Idempotency-Key` after a timeout, a lost response, or the loss
 * of a gateway or a generation process: the request is charged once, and every response is the same.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { createAccount, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { type ChatOptions, type Outcome, USE_ALL } from '../calls.ts';
import { examine, figures } from '../examine.ts';
import { WORST_CASE } from '../installation.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';

/** The failure of the first attempts of many requests. */
type Trouble = {
  name: string;
  /** The signal that ends the n-th attempt of a client early, if any. */
  giveUp: (proof: Proof, attempt: number) => AbortSignal | undefined;
  /** Happens once, during the first attempts. */
  strike?: (proof: Proof, account: ProofAccount, count: number) => Promise<void>;
  /** Number of clients that send each request at the same time. */
  copies: number;
};

const WORK_MS = 800;
const PAUSE_MS = 250;
const PATIENCE_MS = 90_000;

const after = async (proof: Proof, strike: () => void) => {
  await delay(proof.random.integer(100, WORK_MS));
  strike();
};

const CALM: Trouble = { name: 'nothing', giveUp: () => undefined, copies: 1 };

const TROUBLES: readonly Trouble[] = [
  {
    name: 'clients with short timeouts',
    giveUp: ({ random }, attempt) =>
      attempt < 2 ? AbortSignal.timeout(random.integer(20, WORK_MS + 200)) : undefined,
    copies: 1,
  },
  { name: 'five copies at once', giveUp: () => undefined, copies: 5 },
  {
    name: 'a killed gateway',
    giveUp: () => undefined,
    strike: (proof) => after(proof, () => proof.system.gateways[0].kill()),
    copies: 1,
  },
  {
    name: 'a killed generation process',
    giveUp: () => undefined,
    strike: (proof) => after(proof, () => proof.system.generations[1].kill()),
    copies: 1,
  },
  {
    name: 'both killed, and clients with short timeouts',
    giveUp: ({ random }, attempt) =>
      attempt < 1 ? AbortSignal.timeout(random.integer(20, WORK_MS + 200)) : undefined,
    strike: (proof) =>
      after(proof, () => {
        proof.system.gateways[1].kill();
        proof.system.generations[0].kill();
      }),
    copies: 1,
  },
  {
    name: 'killed between storing responses and settling them',
    giveUp: () => undefined,
    strike: killBeforeSettling,
    copies: 1,
  },
];

/**
 * Settlements wait behind a change of the account's limits, while the responses are already stored for retries. Then the
 * settling processes are killed: a response that was not settled must not be replayed.
 */
async function killBeforeSettling({ system }: Proof, account: ProofAccount, count: number): Promise<void> {
  const client = await system.pool.connect();
  try {
    const admitted = `SELECT count(*)::int AS n FROM ledger_holds WHERE account_id = $1 AND state = 'open'`;
    const kept = `SELECT count(*)::int AS n FROM generation_results WHERE account_id = $1 AND state = 'done'`;
    await untilCount(client, admitted, account.id, count);
    await client.query('BEGIN');
    await setLimits(client, account.id, [worth('cost', 10_000)]);
    await untilCount(system.pool, kept, account.id, count);
    for (const process of system.generations) process.kill();
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

async function untilCount(
  database: Pick<Pool, 'query'>,
  query: string,
  accountId: string,
  count: number,
): Promise<void> {
  const deadline = AbortSignal.timeout(WORK_MS * 5);
  while (!deadline.aborted) {
    const { rows } = await database.query<{ n: number }>(query, [accountId]);
    if ((rows[0]?.n ?? 0) >= count) return;
    await delay(10);
  }
}

export async function runRetries(proof: Proof): Promise<CaseResult> {
  const results: CaseResult[] = [];
  // The short form kills processes only in its crash rounds: leases of dead processes take time to expire.
  const troubles = proof.isQuick ? TROUBLES.filter(({ strike }) => strike === undefined) : TROUBLES;
  for (const trouble of troubles) results.push(await repeatUnder(proof, trouble));
  return joinResults(results);
}

/** Clients that retry during faults. They are examined after the faults have ended. */
export const repeatThrough = (proof: Proof, faultsEnd: Promise<unknown>): Promise<CaseResult> =>
  repeatUnder(proof, { ...CALM, name: 'through crashes', strike: () => faultsEnd.then(() => undefined) });

async function repeatUnder(proof: Proof, trouble: Trouble): Promise<CaseResult> {
  const name = `retries: ${trouble.name}`;
  proof.progress(name);
  const since = new Date();
  const account = await createAccount(proof.clients[0]);
  await setLimits(proof.system.pool, account.id, [worth('cost', 10_000)]);
  const count = proof.isQuick ? 20 : 60;
  const outcomes: Outcome[] = [];
  const differences: string[] = [];

  const striking = trouble.strike?.(proof, account, count);
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const request = requestOf(account, index);
      const answers = await Promise.all(
        Array.from({ length: trouble.copies }, (_, copy) =>
          settleWithRetry(proof, trouble, request, index + copy, outcomes),
        ),
      );
      // One more repeat at each gateway, after the end.
      const again = await Promise.all(
        [0, 1].map((gateway) => settleWithRetry(proof, CALM, request, gateway, outcomes)),
      );
      differences.push(...compareAnswers(index, [...answers, ...again]));
    }),
  );
  await striking;
  await Promise.all(
    [...proof.system.gateways, ...proof.system.generations].map((process) => process.ready()),
  );

  const found = await examine(proof, {
    accountIds: [account.id],
    since,
    outcomes,
  });
  differences.push(...found.differences);
  const rows = found.ledgerState.rows.filter(({ costNanoUsd }) => costNanoUsd > 0n).length;
  // Attempts that a crash cut off count at their bound; every request is also charged exactly once.
  const bound = found.ledgerState.rows
    .filter(({ usageSource }) => usageSource === 'bound')
    .reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n);
  const charged = WORST_CASE.cost * BigInt(count);
  if (found.usedNanoUsd - bound !== charged) {
    differences.push(
      `${found.usedNanoUsd} nano-USD charged, ${bound} of it as bounds, for ${count} requests worth ${charged}`,
    );
  }
  const row = {
    case: name,
    ...figures(found, outcomes),
    expected: `${count} charged`,
    isRight: differences.length === 0,
  };
  return {
    rows: [row],
    notes: [
      `${name}: ${count} requests in ${outcomes.length} attempts; ${rows} charged; ${found.boundRows} calls of unknown outcome count at their bound.`,
    ],
    differences: differences.map((difference) => `${name}: ${difference}`),
  };
}

function requestOf(account: ProofAccount, index: number): ChatOptions {
  return {
    token: account.key.text,
    idempotencyKey: randomUUID(),
    ...(index % 2 === 0
      ? { stream: true, simulate: `${USE_ALL},chunks=8,chunk_delay=${WORK_MS / 8}` }
      : { simulate: `${USE_ALL},slow=${WORK_MS}` }),
  };
}

/** Retries until there is a response, as a careful client does. */
async function settleWithRetry(
  proof: Proof,
  trouble: Trouble,
  request: ChatOptions,
  first: number,
  outcomes: Outcome[],
): Promise<Outcome | null> {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (let attempt = 0; !deadline.aborted; attempt += 1) {
    const signal = trouble.giveUp(proof, attempt);
    const outcome = await clientOf(proof, first + attempt).chat({
      ...request,
      ...(signal ? { signal } : {}),
    });
    outcomes.push(outcome);
    if (outcome.isComplete) return outcome;
    await delay(PAUSE_MS);
  }
  return null;
}

function compareAnswers(index: number, answers: readonly (Outcome | null)[]): string[] {
  const differences: string[] = [];
  if (answers.includes(null)) differences.push(`request ${index} never got a response`);
  const bodies = new Set(answers.flatMap((answer) => (answer ? [withoutFigures(answer.body)] : [])));
  if (bodies.size > 1) differences.push(`request ${index} got ${bodies.size} different responses`);
  return differences;
}

/** A stream's last comment has the budget state, which is known only after the settlement. */
const withoutFigures = (body: string) => body.replaceAll(/^: inkmeter .*\n/gm, '');
