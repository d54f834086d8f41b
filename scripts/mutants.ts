/**
 * `npm run mutants [-- --sample=N] [-- --seconds=N] [-- --only=id,id]`: breaks the code one line at a time, and requires
 * that a test notices.
 *
 * Each mutation replaces one place of one file in a temporary copy, and must make at least one of its tests fail. The
 * checkout itself is never changed. A mutation that no longer applies to exactly one place is an error. `--seconds` starts
 * no further mutation after that time.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { BOUND_MUTANTS } from './mutants/bounds.ts';
import { LEDGER_MUTANTS } from './mutants/ledger.ts';
import type { Mutant } from './mutants/mutant.ts';
import { SERVICE_MUTANTS } from './mutants/services.ts';

export const MUTANTS: readonly Mutant[] = [...BOUND_MUTANTS, ...SERVICE_MUTANTS, ...LEDGER_MUTANTS];

/** Of a test without a mutation, also on a busy machine. */
const TEST_TIMEOUT_MS = 600_000;
/** A mutation that lets a test wait for ever is killed after several times the test's usual time. */
const TIME_LIMIT = { factor: 5, leastMs: 15_000 };
/** As `npm test` runs a file. */
const NODE_FLAGS = ['--import', './libs/service/preload.ts'];

type Verdict = { isKilled: boolean; seconds: number };

/** Mutations that do not apply, as sentences; none if the list fits the tree. */
export function findStaleMutants(root: string, mutants: readonly Mutant[] = MUTANTS): string[] {
  const ids = new Set<string>();
  return mutants.flatMap(({ id, file, find, replace, tests }) => {
    if (ids.has(id)) return [`${id}: the id is used twice`];
    ids.add(id);
    const missing = [file, ...tests].filter((named) => !existsSync(path.join(root, named)));
    if (missing.length > 0) return [`${id}: there is no ${missing.join(', ')}`];
    const places = readFileSync(path.join(root, file), 'utf8').split(find).length - 1;
    if (places !== 1) return [`${id}: ${places} places in ${file} match, not one`];
    if (find === replace) return [`${id}: it changes nothing`];
    return tests.length > 0 ? [] : [`${id}: it names no test`];
  });
}

/** The same selection for one commit, so that a failure can be repeated. */
export function sampleOf(mutants: readonly Mutant[], count: number, seed: string): Mutant[] {
  const rank = ({ id }: Mutant) => createHash('sha256').update(`${seed} ${id}`).digest('hex');
  return mutants.toSorted((left, right) => (rank(left) < rank(right) ? -1 : 1)).slice(0, count);
}

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** A copy of the tracked and new files, with hard links to the same dependencies. */
function copyTree(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-mutants-'));
  const files = git('ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate');
  execFileSync('cp', ['--parents', '-t', folder, ...files.split('\n')]);
  execFileSync('cp', ['-al', 'node_modules', folder]);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Whether a test fails; a test that does not end in time counts as failing. */
function failsIn(folder: string, test: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...NODE_FLAGS, test], {
      cwd: folder,
      env: { ...process.env, TAP_TIMEOUT: String(TEST_TIMEOUT_MS / 1_000) },
      stdio: 'ignore',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    child.on('close', (code) => resolve(code !== 0));
  });
}

async function tryMutant(folder: string, mutant: Mutant, timeoutsMs: readonly number[]): Promise<Verdict> {
  const startedAt = performance.now();
  const file = path.join(folder, mutant.file);
  const original = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    let isKilled = false;
    for (const [index, test] of mutant.tests.entries())
      isKilled ||= await failsIn(folder, test, timeoutsMs[index] ?? TEST_TIMEOUT_MS);
    return { isKilled, seconds: (performance.now() - startedAt) / 1_000 };
  } finally {
    writeFileSync(file, original);
  }
}

/** How long a test takes without a mutation; null if it fails, which would seem to kill everything. */
type Baseline = (test: string) => Promise<number | null>;

function createBaseline(folder: string): Baseline {
  const measured = new Map<string, number | null>();
  async function timeOf(test: string): Promise<number | null> {
    const startedAt = performance.now();
    const fails = await failsIn(folder, test, TEST_TIMEOUT_MS);
    return fails ? null : performance.now() - startedAt;
  }
  return async (test) => {
    const known = measured.get(test);
    if (known !== undefined) return known;
    // A second time, because a test may fail on a busy machine.
    const tookMs = (await timeOf(test)) ?? (await timeOf(test));
    measured.set(test, tookMs);
    return tookMs;
  };
}

/** @returns whether every mutation that was tried has been killed. */
async function run(mutants: readonly Mutant[], maxSeconds = Number.POSITIVE_INFINITY): Promise<boolean> {
  const { folder, remove } = copyTree();
  const baseline = createBaseline(folder);
  const startedAt = performance.now();
  const survivors: Mutant[] = [];
  let tried = 0;
  let isBroken = false;
  try {
    for (const mutant of mutants) {
      if (performance.now() - startedAt > maxSeconds * 1_000) break;
      tried += 1;
      const timeoutsMs: number[] = [];
      for (const test of mutant.tests) {
        const tookMs = await baseline(test);
        if (tookMs === null) console.log(`${mutant.id}: ${test} fails without the mutation`);
        else timeoutsMs.push(Math.max(TIME_LIMIT.leastMs, Math.ceil(TIME_LIMIT.factor * tookMs)));
      }
      const isMeasured = timeoutsMs.length === mutant.tests.length;
      isBroken ||= !isMeasured;
      if (!isMeasured) continue;
      const { isKilled, seconds } = await tryMutant(folder, mutant, timeoutsMs);
      if (!isKilled) survivors.push(mutant);
      const verdict = isKilled ? 'killed' : 'SURVIVED';
      console.log(`${tried}/${mutants.length} ${verdict} ${mutant.id} (${seconds.toFixed(1)} s)`);
    }
  } finally {
    remove();
  }
  console.log(`\n${tried} of ${mutants.length} mutations tried, ${survivors.length} survived`);
  for (const { id, file, why, tests } of survivors)
    console.log(`SURVIVED ${id} in ${file}: ${why}. No failure in ${tests.join(', ')}`);
  return survivors.length === 0 && !isBroken;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { sample: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string' } },
  });
  const maxSeconds = values.seconds === undefined ? undefined : Number(values.seconds);
  const stale = findStaleMutants('.');
  for (const fault of stale) console.log(fault);
  if (stale.length > 0) return false;
  if (values.only !== undefined) {
    const only = values.only.split(',');
    return run(MUTANTS.filter(({ id }) => only.includes(id)));
  }
  if (values.sample === undefined) return run(MUTANTS, maxSeconds);
  const seed = git('rev-parse', 'HEAD');
  console.log(`A sample of ${values.sample}, for commit ${seed}`);
  return run(sampleOf(MUTANTS, Number(values.sample), seed), maxSeconds);
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
