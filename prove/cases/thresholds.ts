/**
 * 3. Thresholds. 64 concurrent callers that cross 80, 90, 95 and 100 % cause exactly one event per threshold, written by
 * the transaction that crossed it. At 95 % tokens and cost are blocked; quota resources stay usable to the last unit.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createAccounts, DEFAULT_LINES, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { chatUntil, type Outcome, USE_ALL } from '../calls.ts';
import { type Examination, examine, figures, isAdmitted, isRefused, unexpected } from '../examine.ts';
import { type ProofMeter, WORST_CASE } from '../installation.ts';
import { countOpenHolds, type ThresholdEvent } from '../ledger-state.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';
import { releaseCalls } from '../witness.ts';

const WORKERS = 64;
const BPS = 10_000n;
const POLL_MS = 20;
const ADMISSION_TIMEOUT_MS = 60_000;

export async function runThresholds(proof: Proof): Promise<CaseResult> {
  const results: CaseResult[] = [];
  for (const meter of ['cost', 'tokens.total', 'calls.openai'] as const)
    results.push(await crossAll(proof, meter));
  results.push(await jump(proof, 'from nothing to 97 %', 97, [9_500]));
  results.push(await jump(proof, 'from nothing to 100 %', 100, [10_000]));
  results.push(await closeAtBlockLine(proof));
  return joinResults(results);
}

/** 64 callers continue until they are refused permanently. */
async function crossAll(proof: Proof, meter: ProofMeter): Promise<CaseResult> {
  const name = `thresholds: ${meter}, ${WORKERS} at once`;
  proof.progress(name);
  const since = new Date();
  const [account] = (await createAccounts(proof.clients, 1)) as [ProofAccount];
  const budget = proof.isQuick ? 100 : 400;
  await setLimits(proof.system.pool, account.id, [worth(meter, budget, { lines: DEFAULT_LINES })]);
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: WORKERS }, async (_, index) => {
      for (;;) {
        const outcome = await chatUntil(clientOf(proof, index), {
          token: account.key.text,
          stream: index % 4 === 0,
        });
        outcomes.push(outcome);
        // Held amounts may be released, so such a refusal is not final.
        if (outcome.code === 'limit_held') await delay(20);
        else if (!isAdmitted(outcome)) return;
      }
    }),
  );
  const found = await examine(proof, { accountIds: [account.id], since, outcomes });
  const limit = WORST_CASE[meter] * BigInt(budget);
  const used = found.ledgerState.counters.find((counter) => counter.meter === meter)?.used ?? 0n;
  const isCounted = meter === 'calls.openai';
  const differences = [...found.differences, ...unexpected(outcomes)];
  if (isCounted && used !== limit) differences.push(`${used} of ${limit} were usable, not all`);
  if (!isCounted && used * BPS < limit * 9_500n)
    differences.push(`closed at ${used} of ${limit}, before 95 %`);
  const lines = DEFAULT_LINES.filter((bps) => used * BPS >= limit * BigInt(bps));
  differences.push(...checkEvents(found, meter, lines));
  return {
    rows: [
      {
        case: name,
        ...figures(found, outcomes),
        expected: `${lines.length} events`,
        limit: String(limit),
        used: String(used),
        isRight: differences.length === 0,
      },
    ],
    notes: [],
    differences: differences.map((difference) => `${name}: ${difference}`),
  };
}

/** One call that crosses several thresholds at once. */
async function jump(
  proof: Proof,
  what: string,
  percent: number,
  expected: readonly number[],
): Promise<CaseResult> {
  const name = `thresholds: a jump ${what}`;
  proof.progress(name);
  const since = new Date();
  const [account] = (await createAccounts(proof.clients, 1)) as [ProofAccount];
  const amount = (WORST_CASE.cost * 100n) / BigInt(percent);
  await setLimits(proof.system.pool, account.id, [{ meter: 'cost', amount, lines: DEFAULT_LINES }]);
  const outcomes = [await chatUntil(proof.clients[0], { token: account.key.text })];
  const found = await examine(proof, { accountIds: [account.id], since, outcomes });
  const differences = [
    ...found.differences,
    ...unexpected(outcomes),
    ...checkEvents(found, 'cost', expected),
  ].map((difference) => `${name}: ${difference}`);
  const row = { case: name, ...figures(found, outcomes), expected: '1 event', limit: String(amount) };
  return { rows: [{ ...row, isRight: differences.length === 0 }], notes: [], differences };
}

/** 48 of 50 have settled and two are running: no new call is admitted, and the two finish inside the last 5 %. */
async function closeAtBlockLine(proof: Proof): Promise<CaseResult> {
  const name = 'thresholds: blocked at 95 %, admitted work finishes';
  proof.progress(name);
  const since = new Date();
  const [account] = (await createAccounts(proof.clients, 1)) as [ProofAccount];
  await setLimits(proof.system.pool, account.id, [worth('cost', 50, { lines: DEFAULT_LINES })]);
  const call = (index: number, simulate = USE_ALL) =>
    chatUntil(clientOf(proof, index), { token: account.key.text, simulate, stream: index % 2 === 0 });
  const differences: string[] = [];

  const gate = randomUUID();
  const atWork = [0, 1].map((index) => call(index, `${USE_ALL},until=${gate}`));
  await untilAdmitted(proof, account.id, atWork.length);
  const quick = await Promise.all(Array.from({ length: 48 }, (_, index) => call(index)));
  const late = await Promise.all(Array.from({ length: 20 }, (_, index) => call(index)));
  await releaseCalls(proof.system.simulatorUrl, gate);
  const slow = await Promise.all(atWork);
  const after = await call(0);
  const outcomes = [...quick, ...late, ...slow, after];
  if (![...quick, ...slow].every((outcome) => outcome.isComplete)) differences.push('admitted work was cut');
  if (!late.every(({ code }) => code === 'limit_blocked')) {
    differences.push(
      `at 96 % the answers were ${[...new Set(late.map(({ code, status }) => code ?? status))]}`,
    );
  }
  if (after.code !== 'limit_exceeded')
    differences.push(`at 100 % the answer was ${after.code ?? after.status}`);
  if (!late.every(isRefused)) differences.push('work was admitted above the block threshold');

  const found = await examine(proof, { accountIds: [account.id], since, outcomes });
  differences.push(...found.differences, ...checkEvents(found, 'cost', DEFAULT_LINES));
  const limit = WORST_CASE.cost * 50n;
  const row = { case: name, ...figures(found, outcomes), expected: '50', limit: String(limit) };
  return {
    rows: [{ ...row, isRight: differences.length === 0 }],
    notes: [],
    differences: differences.map((difference) => `${name}: ${difference}`),
  };
}

async function untilAdmitted({ system }: Proof, accountId: string, count: number): Promise<void> {
  const deadline = AbortSignal.timeout(ADMISSION_TIMEOUT_MS);
  while (!deadline.aborted && (await countOpenHolds(system.pool, [accountId])) < count) await delay(POLL_MS);
}

/** Exactly one event per threshold, written by the settle that crossed it. */
function checkEvents({ ledgerState }: Examination, meter: ProofMeter, lines: readonly number[]): string[] {
  const differences: string[] = [];
  const counter = ledgerState.counters.find(
    ({ meter: of, scope, kind }) => of === meter && scope === 'account' && kind === 'n',
  );
  const events = ledgerState.events.filter(({ counterId }) => counterId === counter?.id);
  const seen = events.map(({ thresholdBps }) => thresholdBps).sort((left, right) => left - right);
  if (seen.join() !== [...lines].sort((left, right) => left - right).join()) {
    differences.push(`events at ${seen.join(', ') || 'no threshold'}, expected ${lines.join(', ')}`);
  }
  for (const event of events) differences.push(...checkCrossing(event, ledgerState, meter));
  return differences;
}

function checkCrossing(
  event: ThresholdEvent,
  { rows }: Examination['ledgerState'],
  meter: ProofMeter,
): string[] {
  const { thresholdBps, used, amount, holdId, withItsUsage } = event;
  const moved = rows
    .filter((row) => row.holdId === holdId)
    .reduce((sum, { amounts }) => sum + (amounts.get(meter) ?? 0n), 0n);
  const line = amount * BigInt(thresholdBps);
  const crossed = used * BPS >= line && (used - moved) * BPS < line;
  return [
    ...(crossed ? [] : [`the event at ${thresholdBps} was written by a settle that did not cross it`]),
    ...(withItsUsage ? [] : [`the event at ${thresholdBps} was not written with the usage that crossed it`]),
  ];
}
