/** Starts the system, runs the cases in sequence, and prints the results. */
import { createStaff } from './accounts.ts';
import { createGatewayClient } from './calls.ts';
import { runBilling } from './cases/billing.ts';
import { runBounds } from './cases/bounds.ts';
import { runCrashes } from './cases/crashes.ts';
import { checkEverything } from './cases/everything.ts';
import { runExact } from './cases/exact.ts';
import { runRandom } from './cases/random.ts';
import { runRetries } from './cases/retries.ts';
import { runStop } from './cases/stop.ts';
import { runThresholds } from './cases/thresholds.ts';
import { runWindows } from './cases/windows.ts';
import { readPrices } from './installation.ts';
import { type CaseResult, joinResults, type Proof } from './proof.ts';
import { createRandom } from './random.ts';
import { type ProvedSystem, startSystem } from './system.ts';
import { renderTable } from './table.ts';

const CASES: Record<string, (proof: Proof) => Promise<CaseResult>> = {
  bounds: runBounds,
  exact: runExact,
  thresholds: runThresholds,
  crashes: runCrashes,
  retries: runRetries,
  windows: runWindows,
  stop: runStop,
  random: runRandom,
  billing: runBilling,
};

export const CASE_NAMES = Object.keys(CASES);

/** One fault can appear in thousands of calls. */
const SHOWN_DIFFERENCES = 50;

export type ProveOptions = {
  isQuick: boolean;
  cases: readonly string[];
  seed: number;
  /** Keeps logs and data at the end. */
  keep: boolean;
  log: (line: string) => void;
};

/** @returns whether every case confirmed its claims. */
export async function prove(options: ProveOptions): Promise<boolean> {
  const { isQuick, cases, seed, keep, log } = options;
  const unknown = cases.filter((name) => !(name in CASES));
  if (unknown.length > 0) throw new Error(`No such case: ${unknown.join(', ')}`);
  log(`Proving ${cases.join(', ')}${isQuick ? ' in the short form' : ''}; seed ${seed}`);
  const since = new Date();
  const startedAt = performance.now();
  const seconds = () => `${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s`;
  const system = await startSystem({ say: log, keep });
  log(`${seconds()}  the system runs: two gateways, two generation processes, logs in ${system.logFolder}`);
  const interrupt = () => void system.stop().then(() => process.exit(130));
  process.once('SIGINT', interrupt);
  try {
    const proof = await prepare(system, options, (text) => log(`${seconds()}  ${text}`));
    const results: CaseResult[] = [];
    for (const name of cases) results.push(await (CASES[name] as (typeof CASES)[string])(proof));
    results.push(await checkEverything(proof, since));
    const { rows, notes, differences } = joinResults(results);
    log(`\n${renderTable(rows)}\n`);
    for (const note of notes) log(note);
    for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) log(`DIFFERENCE  ${difference}`);
    log(
      differences.length === 0
        ? `Proved in ${seconds().trim()}: no difference. Amounts are nano-USD.`
        : `NOT proved: ${differences.length} differences.`,
    );
    return differences.length === 0;
  } finally {
    process.off('SIGINT', interrupt);
    await system.stop();
  }
}

async function prepare(
  system: ProvedSystem,
  { isQuick, seed }: ProveOptions,
  progress: (text: string) => void,
): Promise<Proof> {
  const [first, second] = system.gateways;
  const clients = [createGatewayClient(first.url), createGatewayClient(second.url)] as const;
  return {
    system,
    clients,
    staff: await createStaff(clients[0], system.pool),
    pricesOf: await readPrices(system.pool),
    random: createRandom(seed),
    isQuick,
    progress,
  };
}
