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

const TEST_TIMEOUT_MS = 180_000;
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

/** Whether a test fails; a test that does not end counts as failing. */
function failsIn(folder: string, test: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...NODE_FLAGS, test], {
      cwd: folder,
      env: { ...process.env, TAP_TIMEOUT: String(TEST_TIMEOUT_MS / 1_000) },
      stdio: 'ignore',
      timeout: TEST_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    child.on('close', (code) => resolve(code !== 0));
  });
}

async function tryMutant(folder: string, mutant: Mutant): Promise<Verdict> {
  const startedAt = performance.now();
  const file = path.join(folder, mutant.file);
  const original = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    let isKilled = false;
    for (const test of mutant.tests) isKilled ||= await failsIn(folder, test);
    return { isKilled, seconds: (performance.now() - startedAt) / 1_000 };
  } finally {
    writeFileSync(file, original);
  }
}

/** Remembers which tests pass without a mutation: a test that always fails would seem to kill everything. */
function createBaseline(folder: string): (tests: readonly string[]) => Promise<string[]> {
  const failing = new Map<string, Promise<boolean>>();
  return async (tests) => {
    const found: string[] = [];
    for (const test of tests) {
      const fails = failing.get(test) ?? failsIn(folder, test);
      failing.set(test, fails);
      if (await fails) found.push(test);
    }
    return found;
  };
}

/** @returns whether every mutation that was tried has been killed. */
async function run(mutants: readonly Mutant[], maxSeconds = Number.POSITIVE_INFINITY): Promise<boolean> {
  const { folder, remove } = copyTree();
  const failingTests = createBaseline(folder);
  const startedAt = performance.now();
  const survivors: Mutant[] = [];
  let tried = 0;
  let isBroken = false;
  try {
    for (const mutant of mutants) {
      if (performance.now() - startedAt > maxSeconds * 1_000) break;
      tried += 1;
      const failing = await failingTests(mutant.tests);
      for (const test of failing) console.log(`${mutant.id}: ${test} fails without the mutation`);
      isBroken ||= failing.length > 0;
      if (failing.length > 0) continue;
      const { isKilled, seconds } = await tryMutant(folder, mutant);
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
