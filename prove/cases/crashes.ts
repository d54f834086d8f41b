/**
 * 4. Crashes. `kill -9` of a gateway, of a generation process and of one of each, and an immediate stop of PostgreSQL, at
 * random moments under load. Afterwards every call whose result was delivered has exactly one usage row; calls cut off by a
 * crash count at their bound, and their holds have expired. The system recovers by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createAccounts, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { examine, figures, isRefused } from '../examine.ts';
import { type CaseResult, joinResults, type Proof } from '../proof.ts';
import { HOLD_TTL_MS } from '../system.ts';
import { startTraffic } from '../traffic.ts';
import { repeatThrough } from './retries.ts';

type Fault = { name: string; strike: (proof: Proof) => Promise<string> };

const replica = ({ random }: Proof): 0 | 1 => (random.integer(0, 1) === 0 ? 0 : 1);

const FAULTS: Record<'gateway' | 'generation' | 'both' | 'database', Fault> = {
  gateway: {
    name: 'kill -9 of a gateway',
    async strike(proof) {
      const target = proof.system.gateways[replica(proof)];
      target.kill();
      return target.name;
    },
  },
  generation: {
    name: 'kill -9 of a generation process',
    async strike(proof) {
      const target = proof.system.generations[replica(proof)];
      target.kill();
      return target.name;
    },
  },
  both: {
    name: 'kill -9 of one of each',
    async strike(proof) {
      const targets = [proof.system.gateways[replica(proof)], proof.system.generations[replica(proof)]];
      for (const target of targets) target.kill();
      return targets.map(({ name }) => name).join(' and ');
    },
  },
  database: {
    name: 'immediate stop of PostgreSQL',
    async strike(proof) {
      const outageMs = proof.random.integer(0, 2_000);
      await proof.system.database.crashAndRecover(outageMs);
      return `PostgreSQL, away for ${outageMs} ms`;
    },
  },
};

/** Not a crash: the process is suspended and resumes after its holds have expired. */
const PAUSE: Fault = {
  name: 'a generation process suspended past its holds',
  async strike({ system, random }) {
    const target = system.generations[random.integer(0, 1) === 0 ? 0 : 1];
    target.pause();
    await delay(HOLD_TTL_MS + 2_000);
    target.resume();
    return `${target.name} for ${HOLD_TTL_MS + 2_000} ms`;
  },
};

const ROUNDS_EACH = 5;
const ACCOUNTS = 4;
/** One account has a small budget, so that limits bind during faults. */
const SMALL_BUDGET_CALLS = 60;

export async function runCrashes(proof: Proof): Promise<CaseResult> {
  const results: CaseResult[] = [];
  if (proof.isQuick) {
    const rounds = [FAULTS.both, FAULTS.database, FAULTS.generation];
    // Clients that retry until they get a response go through the same rounds.
    const faults = underFaults(proof, 'kill -9 and PostgreSQL, 3 rounds', rounds);
    results.push(...(await Promise.all([faults, repeatThrough(proof, faults)])));
  } else {
    for (const fault of Object.values(FAULTS)) {
      const rounds = Array.from({ length: ROUNDS_EACH }, () => fault);
      results.push(await underFaults(proof, `${fault.name}, ${ROUNDS_EACH} rounds`, rounds));
    }
    results.push(await underFaults(proof, PAUSE.name, [PAUSE]));
  }
  return joinResults(results);
}

async function underFaults(proof: Proof, what: string, rounds: readonly Fault[]): Promise<CaseResult> {
  const name = `crashes: ${what}`;
  proof.progress(name);
  const since = new Date();
  const accounts = await createAccounts(proof.clients, ACCOUNTS);
  for (const [index, { id }] of accounts.entries()) {
    await setLimits(proof.system.pool, id, [worth('cost', index === 0 ? SMALL_BUDGET_CALLS : 1_000_000)]);
  }
  const traffic = startTraffic(proof, accounts);
  const differences: string[] = [];
  for (const [index, fault] of rounds.entries()) {
    const momentMs = proof.random.integer(300, 1_500);
    await delay(momentMs);
    const struck = await fault.strike(proof);
    proof.progress(`${name}: round ${index + 1} after ${momentMs} ms: ${struck}`);
    differences.push(...(await awaitService(proof, accounts)));
  }
  const outcomes = await traffic.end();
  differences.push(...proof.system.takeUnexpectedEnds());

  const found = await examine(proof, {
    accountIds: accounts.map(({ id }) => id),
    since,
    outcomes,
  });
  differences.push(...found.differences);
  const expired = found.ledgerState.holds.filter(({ state }) => state === 'expired').length;
  const served = outcomes.filter(({ isComplete }) => isComplete).length;
  const refused = outcomes.filter(isRefused).length;
  const late = found.ledgerState.rows.filter((row) => row.late).length;
  const faults = outcomes.filter(({ code }) => code === 'internal_error').length;
  if (faults > 0) differences.push(`${faults} requests were answered internal_error instead of 503`);
  if (served === 0) differences.push('no request was served: there was no load');
  return {
    rows: [
      {
        case: name,
        ...figures(found, outcomes),
        expected: `0 lost, 0 twice`,
        isRight: differences.length === 0,
      },
    ],
    notes: [
      `${name}: ${served} requests answered in full, ${refused} refused, ${outcomes.length - served - refused} failed or lost their connection; ${found.partialRows} calls ended early and were settled as far as they had come; ${expired} holds expired, ${late} calls settled after that; ${found.boundRows} calls of unknown outcome count at their bound.`,
    ],
    differences: differences.map((difference) => `${name}: ${difference}`),
  };
}

const RECOVERY_MS = 180_000;

/** Without intervention, every process is back and both gateways serve again. */
async function awaitService(
  { system, clients }: Proof,
  accounts: readonly ProofAccount[],
): Promise<string[]> {
  await Promise.all([...system.gateways, ...system.generations].map((process) => process.ready()));
  const token = accounts.at(-1)?.key.text ?? '';
  const deadline = AbortSignal.timeout(RECOVERY_MS);
  for (const client of clients) {
    // The gateway chooses the generation process, so enough calls must succeed to reach all of them.
    for (let inARow = 0; inARow < 4; ) {
      const { isComplete } = await client.chat({ token });
      inARow = isComplete ? inARow + 1 : 0;
      if (deadline.aborted) return ['service did not recover within three minutes'];
    }
  }
  return [];
}
