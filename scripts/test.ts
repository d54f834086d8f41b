/**
 * `npm test [-- <file or folder> ...]`: runs test files, each in its own process, under Node's test runner.
 *
 * The files are tap tests; tap reports to Node's runner by itself. tap's own runner would load its hooks for mocks and
 * coverage into every process, which costs half a second of CPU for each file and serves nothing here.
 */
import { globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { inspect } from 'node:util';

const FOLDERS = ['prove', 'deploy', 'services', 'scripts', 'bench', 'libs'];
/** The proof alone takes two minutes on a busy machine. */
const FILE_TIMEOUT_MS = 300_000;
/** Tests wait for PostgreSQL and sockets half of the time. */
const FILES_AT_ONCE = availableParallelism() + 1;
/** More failed files than this are not an accident of load. */
const MOST_REPEATED = 3;
const UNKNOWN_FILE = '';

function findFiles(wanted: string[]): string[] {
  const files = (wanted.length > 0 ? wanted : FOLDERS).flatMap((given) =>
    statSync(given).isDirectory() ? globSync(`${given}/**/*.test.ts`).sort() : [given],
  );
  if (files.length === 0) throw new Error(`No test files in ${wanted.join(', ')}.`);
  return files;
}

process.env.TAP_TIMEOUT = String(FILE_TIMEOUT_MS / 1000);

type Result = { passed: number; failed: number; failedFiles: Set<string> };

/** Runs test files, and prints each failure with what its file has printed. */
async function runFiles(files: readonly string[], concurrency: number): Promise<Result> {
  const result: Result = { passed: 0, failed: 0, failedFiles: new Set() };
  const output = new Map<string, string>();
  const remember = ({ file, message }: { file?: string | undefined; message: string }) => {
    if (file !== undefined) output.set(file, `${output.get(file) ?? ''}${message}`);
  };
  const events = run({
    files: [...files],
    concurrency,
    timeout: FILE_TIMEOUT_MS,
    execArgv: ['--import', './libs/service/preload.ts'],
  });
  events.on('test:stdout', remember);
  events.on('test:stderr', remember);
  events.on('test:diagnostic', ({ file, message }) => remember({ file, message: `${message}\n` }));
  events.on('test:pass', () => {
    result.passed += 1;
  });
  const known = new Set(files.map((one) => path.resolve(one)));
  events.on('test:fail', ({ name, file, line, nesting, details }) => {
    const { error } = details;
    // A test that a fixture declares has the fixture's place: it cannot be traced to a file, and is not repeated.
    if (nesting === 0 && file !== undefined) result.failedFiles.add(known.has(file) ? file : UNKNOWN_FILE);
    if ('failureType' in error && error.failureType === 'subtestsFailed') return;
    result.failed += 1;
    console.log(`FAIL  ${name} (${path.relative('.', file ?? '')}:${line})`);
    console.log(inspect(error.cause ?? error, { depth: 4 }).replaceAll(/^/gm, '      '));
    if (file === undefined) return;
    const printed = output.get(file);
    if (printed !== undefined) console.log(printed.replaceAll(/^/gm, '      | '));
    output.delete(file);
  });
  await finished(events.resume());
  return result;
}

const files = findFiles(process.argv.slice(2));
const startedAt = performance.now();
const first = await runFiles(files, FILES_AT_ONCE);
const { passed } = first;
let { failed } = first;
let unstable = 0;

// A file that fails next to others and passes alone depends on the load of the machine: a fault of the test, which is
// reported, and not of the change under test.
const { failedFiles } = first;
if (failed > 0 && failedFiles.size <= MOST_REPEATED && !failedFiles.has(UNKNOWN_FILE)) {
  for (const file of failedFiles) {
    console.log(`\nagain, alone: ${path.relative('.', file)}`);
    const again = await runFiles([file], 1);
    if (again.failed > 0 || again.passed === 0) continue;
    unstable += 1;
    console.log(`UNSTABLE  ${path.relative('.', file)}: failed next to other files, passed alone`);
  }
  if (failedFiles.size > 0 && unstable === failedFiles.size) failed = 0;
}

const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
const unstableText = unstable > 0 ? `, ${unstable} unstable` : '';
console.log(`\n${files.length} files, ${passed} passed, ${failed} failed${unstableText}, ${seconds} s`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
