/**
 * 6. Stop. Under 200 calls a second, set and lifted through the staff API. Which hold committed before the stop and which
 * after is read from the order of commit records in the database's log, not from any clock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createAccount, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { type Outcome, USE_ALL } from '../calls.ts';
import { recordCommits } from '../commit-order.ts';
import { examine, figures } from '../examine.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';

const CALLS_PER_SECOND = 200;
/** Streams in progress when the stop is set. */
const STREAMS = 20;
const STREAM_MS = 20_000;
const STREAMS_END_WITHIN_MS = 1_000;
/** The short form runs with other tests on a busy machine, so it claims only that streams end. */
const QUICK_END_WITHIN_MS = 10_000;

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
    await delay(proof.isQuick ? 1_000 : 2_000);
    const { data } = await clients[0].send<{ data: { stop: { id: string } } }>(
      'POST',
      '/api/admin/stops',
      staff.token,
      { ...body, reason: 'The proof stops everything.' },
    );
    const stoppedAt = performance.now();
    const endedAt = await Promise.all(streams.map((stream) => stream.then(() => performance.now())));
    const slowestMs = Math.max(...endedAt) - stoppedAt;
    const afterStop = await Promise.all(
      [0, 1].map((index) => clientOf(proof, index).chat({ token: account.key.text })),
    );
    await delay(500);
    await clients[1].send('DELETE', `/api/admin/stops/${data.stop.id}`, staff.token);
    const afterLift = await Promise.all(
      [0, 1].map((index) => clientOf(proof, index).chat({ token: account.key.text })),
    );
    await delay(500);
    const loadOutcomes = await load.end();
    const streamOutcomes = await Promise.all(streams);
    const outcomes = [...loadOutcomes, ...streamOutcomes, ...afterStop, ...afterLift];

    const found = await examine(proof, { accountIds: [account.id], since, outcomes });
    const { before, between } = await commits.admissions(account.id, data.stop.id);
    differences.push(...found.differences);
    if (between > 0) differences.push(`${between} holds were admitted after the stop had committed`);
    if (before === 0) differences.push('no hold was admitted before the stop: there was nothing to prove');
    if (!afterStop.every(({ code }) => code === 'emergency_stop'))
      differences.push('it did not stop every gateway');
    if (!afterLift.every(({ isComplete }) => isComplete))
      differences.push('lifting it did not restore service');
    if (streamOutcomes.some(({ isComplete }) => isComplete)) differences.push('a stream outlived the stop');
    const allowedMs = proof.isQuick ? QUICK_END_WITHIN_MS : STREAMS_END_WITHIN_MS;
    if (slowestMs > allowedMs) differences.push(`running streams took ${slowestMs.toFixed(0)} ms to end`);
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
        `${name}: ${before} holds committed before the stop and ${between} between it and its lifting; ${STREAMS} running streams ended within ${slowestMs.toFixed(0)} ms.`,
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

function startStreams(proof: Proof, account: ProofAccount): Promise<Outcome>[] {
  const chunks = 100;
  return Array.from({ length: STREAMS }, (_, index) =>
    clientOf(proof, index).chat({
      token: account.key.text,
      stream: true,
      simulate: `${USE_ALL},chunks=${chunks},chunk_delay=${STREAM_MS / chunks}`,
    }),
  );
}
