/**
 * 7. Stop. Under 200 calls a second, set and lifted through the staff API. Which hold committed before the stop and which
 * after is read from the order of commit records in the database's log, not from any clock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createAccount, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { chatUntil, type Outcome, USE_ALL } from '../calls.ts';
import { recordCommits } from '../commit-order.ts';
import { examine, figures } from '../examine.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';
import { HOLD_TTL_MS } from '../system.ts';

const CALLS_PER_SECOND = 200;
/** Streams in progress when the stop is set. */
const STREAMS = 20;
/** Longer than any hold, so that only the stop can end a stream in the way that this case requires. */
const STREAM_MS = 2 * HOLD_TTL_MS;

const isServed = ({ isComplete }: Outcome) => isComplete;
/** 503 of a busy machine says nothing about the stop. */
const isDecided = ({ status, code }: Outcome) => status === 200 || code === 'emergency_stop';

type StopBody = { kind: 'global' } | { kind: 'provider' | 'model' | 'account' | 'key'; target: string };

export async function runStop(proof: Proof): Promise<CaseResult> {
  const kinds: ((account: ProofAccount) => StopBody)[] = [
    () => ({ kind: 'global' }),
    ({ id }) => ({ kind: 'account', target: id }),
    ...(proof.isQuick
      ? []
      : [
          () => ({ kind: 'provider', target: 'openai' }) as const,
          () => ({ kind: 'model', target: 'openai/proof-small' }) as const,
          ({ key }: ProofAccount) => ({ kind: 'key', target: key.id }) as const,
        ]),
  ];
  const results: CaseResult[] = [];
  for (const kind of kinds) results.push(await stopOnce(proof, kind));
  return joinResults(results);
}

async function stopOnce(proof: Proof, bodyOf: (account: ProofAccount) => StopBody): Promise<CaseResult> {
  const { system, clients, staff } = proof;
  const since = new Date();
  const account = await createAccount(clients[0]);
  await setLimits(system.pool, account.id, [worth('cost', 1_000_000)]);
  const body = bodyOf(account);
  const name = `stop: ${body.kind}`;
  proof.progress(name);
  const differences: string[] = [];
  const commits = await recordCommits(system.pool);
  try {
    const load = startLoad(proof, account);
    const streams = startStreams(proof, account);
    await streams.begun;
    await delay(proof.isQuick ? 1_000 : 2_000);
    const stop = await clients[0].send<{ id: string }>('POST', '/api/admin/stops', staff.token, {
      ...body,
      reason: 'The proof stops everything.',
    });
    const stoppedAt = performance.now();
    const streamOutcomes = await Promise.all(streams.outcomes);
    const slowestMs = performance.now() - stoppedAt;
    const afterStop = await Promise.all(
      [0, 1].map((index) => chatUntil(clientOf(proof, index), { token: account.key.text }, isDecided)),
    );
    await delay(500);
    await clients[1].send('DELETE', `/api/admin/stops/${stop.id}`, staff.token);
    // A process learns of the lifting by a notification, after it has committed.
    const afterLift = await Promise.all(
      [0, 1].map((index) => chatUntil(clientOf(proof, index), { token: account.key.text }, isServed)),
    );
    await delay(500);
    const loadOutcomes = await load.end();
    const outcomes = [...loadOutcomes, ...streamOutcomes, ...afterStop, ...afterLift];

    const found = await examine(proof, { accountIds: [account.id], since, outcomes });
    const { before, between } = await commits.admissions(account.id, stop.id);
    differences.push(...found.differences);
    if (between > 0) differences.push(`${between} holds were admitted after the stop had committed`);
    if (before === 0) differences.push('no hold was admitted before the stop: there was nothing to prove');
    if (!afterStop.every(({ code }) => code === 'emergency_stop'))
      differences.push('it did not stop every gateway');
    if (!afterLift.every(isServed)) differences.push('lifting it did not restore service');
    const outlived = streamOutcomes.filter(({ body }) => !body.includes('emergency_stop')).length;
    if (outlived > 0) differences.push(`${outlived} running streams were not ended by the stop`);
    const refused = outcomes.filter(({ code }) => code === 'emergency_stop').length;
    const row = {
      case: name,
      ...figures(found, outcomes),
      refused,
      expected: `0 after the stop: ${between}`,
      isRight: differences.length === 0,
    };
    return {
      rows: [row],
      notes: [
        `${name}: ${before} holds committed before the stop and ${between} between it and its lifting; ${STREAMS} running streams were ended by the stop, ${slowestMs.toFixed(0)} ms after it.`,
      ],
      differences: differences.map((difference) => `${name}: ${difference}`),
    };
  } finally {
    await commits.remove();
  }
}

/** Calls at a fixed rate, independent of their outcome. */
function startLoad(proof: Proof, account: ProofAccount): { end: () => Promise<Outcome[]> } {
  const calls: Promise<Outcome>[] = [];
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * CALLS_PER_SECOND;
    while (calls.length < due) {
      calls.push(
        clientOf(proof, calls.length).chat({ token: account.key.text, stream: calls.length % 2 === 0 }),
      );
    }
  }, 5);
  return {
    end: () => {
      clearInterval(timer);
      return Promise.all(calls);
    },
  };
}

function startStreams(
  proof: Proof,
  account: ProofAccount,
): { begun: Promise<unknown>; outcomes: Promise<Outcome>[] } {
  const chunks = 300;
  const streams = Array.from({ length: STREAMS }, (_, index) => {
    const begun = Promise.withResolvers<void>();
    const outcome = clientOf(proof, index).chat({
      token: account.key.text,
      stream: true,
      simulate: `${USE_ALL},chunks=${chunks},chunk_delay=${STREAM_MS / chunks}`,
      onResponse: begun.resolve,
    });
    return { begun: Promise.race([begun.promise, outcome]), outcome };
  });
  return {
    begun: Promise.all(streams.map(({ begun }) => begun)),
    outcomes: streams.map(({ outcome }) => outcome),
  };
}
