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

type Size = { accounts: number; steps: number; events: number };

export async function runBilling({ isQuick, random, progress }: Proof): Promise<CaseResult> {
  const size: Size = isQuick
    ? { accounts: 5, steps: 4, events: 100 }
    : { accounts: 250, steps: 12, events: 10_000 };
  progress('billing: the same customers, without faults and under them');
  const [clean, faulty] = await Promise.all([
    runCustomers(size, null, progress),
    runCustomers(size, random, progress),
  ]);
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
  if (faulty.events < size.events)
    differences.push(`billing: there were ${faulty.events} events, fewer than ${size.events}`);
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

async function runCustomers(
  { accounts, steps }: Size,
  random: Random | null,
  progress: (text: string) => void,
) {
  const run = await startBillingRun(accounts);
  try {
    if (random !== null) await run.setFaults(FAULTS);
    await run.subscribe();
    let kills = 0;
    for (let step = 0; step < steps; step += 1) {
      if (random === null) progress(`billing: day ${step * STEP_DAYS} of ${steps * STEP_DAYS}`);
      if (step % 2 === 0) await run.changeTerms(step / 2);
      // Each change is seen before time passes, so that both runs see the same ones.
      await run.settle(MINUTE_MS);
      const advanced = run.advance(STEP_DAYS * DAY_MS);
      const isKilled = random !== null && kills < KILLS;
      if (isKilled || (random !== null && steps < KILLS)) {
        // Deliveries begin when the clock has moved.
        await delay(1_500 + random.integer(0, 1_500));
        await run.killBilling();
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
