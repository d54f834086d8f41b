/**
 * `npm run mutants [-- --sample=N] [-- --only=id]`: breaks the code one line at a time, and requires that a test notices.
 *
 * Each mutation replaces one place of one file in a temporary copy, and must make at least one of its tests fail. The
 * checkout itself is never changed. A mutation that no longer applies to exactly one place is an error.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { BOUND_MUTANTS } from './mutants/bounds.ts';
import { LEDGER_MUTANTS } from './mutants/ledger.ts';
import type { Mutant } from './mutants/mutant.ts';
import { SERVICE_MUTANTS } from './mutants/services.ts';

export const MUTANTS: readonly Mutant[] = [...BOUND_MUTANTS, ...SERVICE_MUTANTS, ...LEDGER_MUTANTS];

const TEST_TIMEOUT_MS = 180_000;

type Verdict = { mutant: Mutant; isKilled: boolean; seconds: number };

/** Mutations that do not apply, as sentences; none if the list fits the tree. */
export function findStaleMutants(root: string, mutants: readonly Mutant[] = MUTANTS): string[] {
  const ids = new Set<string>();
  return mutants.flatMap(({ id, file, find, replace, tests }) => {
    if (ids.has(id)) return [`${id}: the id is used twice`];
    ids.add(id);
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
    const child = spawn(process.execPath, [test], {
      cwd: folder,
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
    return { mutant, isKilled, seconds: (performance.now() - startedAt) / 1_000 };
  } finally {
    writeFileSync(file, original);
  }
}

/** @returns the tests that fail without any mutation, which would seem to kill everything. */
async function findFailingTests(folder: string, mutants: readonly Mutant[]): Promise<string[]> {
  const failing: string[] = [];
  for (const test of new Set(mutants.flatMap(({ tests }) => tests)))
    if (await failsIn(folder, test)) failing.push(`${test} fails without a mutation`);
  return failing;
}

async function run(mutants: readonly Mutant[]): Promise<boolean> {
  const { folder, remove } = copyTree();
  try {
    const failing = await findFailingTests(folder, mutants);
    for (const fault of failing) console.log(fault);
    if (failing.length > 0) return false;
    const verdicts: Verdict[] = [];
    for (const mutant of mutants) {
      const verdict = await tryMutant(folder, mutant);
      verdicts.push(verdict);
      console.log(
        `${verdicts.length}/${mutants.length} ${verdict.isKilled ? 'killed' : 'SURVIVED'} ${mutant.id} (${verdict.seconds.toFixed(1)} s)`,
      );
    }
    const survivors = verdicts.filter(({ isKilled }) => !isKilled);
    console.log(`\n${verdicts.length - survivors.length} killed, ${survivors.length} survived`);
    for (const { mutant } of survivors)
      console.log(`| ${mutant.id} | ${mutant.file} | ${mutant.why} | ${mutant.tests.join(', ')} |`);
    return survivors.length === 0;
  } finally {
    remove();
  }
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { sample: { type: 'string' }, only: { type: 'string' } } });
  const stale = findStaleMutants('.');
  for (const fault of stale) console.log(fault);
  if (stale.length > 0) return false;
  if (values.only !== undefined) {
    const only = values.only.split(',');
    return run(MUTANTS.filter(({ id }) => only.includes(id)));
  }
  if (values.sample === undefined) return run(MUTANTS);
  const seed = git('rev-parse', 'HEAD');
  console.log(`A sample of ${values.sample}, for commit ${seed}`);
  return run(sampleOf(MUTANTS, Number(values.sample), seed));
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
