/**
 * Stripe's events, shuffled, doubled, a fifth of them lost and found again, while billing is killed ten times: the state
 * afterwards is that of a run without faults.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { startBillingRun } from '../billing-run.ts';
import type { CaseResult, Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Shorter than the 30 days for which events are kept. */
const STEP_DAYS = 15;
const KILLS = 10;
const FAULTS = {
  shuffle: 'true',
  duplicate: '0.5',
  drop: '0.2',
  sameSecond: 'true',
  lostAnswers: '0.02',
  rateLimit: '0.02',
};

type Size = { accounts: number; steps: number };

export async function runBilling({ isQuick, random, progress }: Proof): Promise<CaseResult> {
  const size: Size = isQuick ? { accounts: 5, steps: 4 } : { accounts: 150, steps: 24 };
  progress('billing: a run without faults');
  const clean = await runCustomers(size, null);
  progress('billing: the same customers under faults');
  const faulty = await runCustomers(size, random);
  const differences = clean.accounts.flatMap((account, index) =>
    isDeepStrictEqual(account, faulty.accounts[index])
      ? []
      : [
          `billing: account ${index} is ${JSON.stringify(faulty.accounts[index])} after faults, ${JSON.stringify(account)} without`,
        ],
  );
  for (const { waiting, name } of [clean, faulty])
    if (waiting > 0) differences.push(`billing: ${waiting} events wait in the ${name}`);
  if (faulty.kills !== (isQuick ? size.steps : KILLS))
    differences.push(`billing: it was killed ${faulty.kills} times`);
  return {
    rows: [
      {
        case: `billing: events of ${size.accounts} customers under faults`,
        requests: faulty.events,
        expected: 'as without faults',
        isRight: differences.length === 0,
      },
    ],
    notes: [
      `billing: ${faulty.events} events, half of them delivered twice; ${faulty.reconciled} came by polling first; billing was killed ${faulty.kills} times`,
    ],
    differences,
  };
}

async function runCustomers({ accounts, steps }: Size, random: Random | null) {
  const run = await startBillingRun(accounts);
  try {
    if (random !== null) await run.setFaults(FAULTS);
    await run.subscribe();
    let kills = 0;
    for (let step = 0; step < steps; step += 1) {
      if (step % 2 === 0) await run.changeTerms(step / 2);
      const advanced = run.advance(STEP_DAYS * DAY_MS);
      const isKilled = random !== null && kills < KILLS && kills <= (step * KILLS) / steps;
      if (isKilled || (random !== null && steps < KILLS)) {
        // Deliveries begin when the clock has moved.
        await delay(1_500 + random.integer(0, 1_500));
        run.killBilling();
        kills += 1;
      }
      await advanced;
      await run.settle(MINUTE_MS);
    }
    const name = random === null ? 'clean run' : 'run under faults';
    return { name, kills, ...(await run.result()) };
  } finally {
    await run.stop();
  }
}
