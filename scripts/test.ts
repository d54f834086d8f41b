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

function findFiles(wanted: string[]): string[] {
  const files = (wanted.length > 0 ? wanted : FOLDERS).flatMap((given) =>
    statSync(given).isDirectory() ? globSync(`${given}/**/*.test.ts`).sort() : [given],
  );
  if (files.length === 0) throw new Error(`No test files in ${wanted.join(', ')}.`);
  return files;
}

process.env.TAP_TIMEOUT = String(FILE_TIMEOUT_MS / 1000);
const files = findFiles(process.argv.slice(2));
const startedAt = performance.now();
const events = run({
  files,
  concurrency: FILES_AT_ONCE,
  timeout: FILE_TIMEOUT_MS,
  execArgv: ['--import', './libs/service/preload.ts'],
});

let passed = 0;
let failed = 0;
/** What each file printed; shown with its first failure. */
const output = new Map<string, string>();

const remember = ({ file, message }: { file?: string | undefined; message: string }) => {
  if (file !== undefined) output.set(file, `${output.get(file) ?? ''}${message}`);
};
events.on('test:stdout', remember);
events.on('test:stderr', remember);
events.on('test:diagnostic', ({ file, message }) => {
  remember({ file, message: `${message}\n` });
});
events.on('test:pass', () => {
  passed += 1;
});
events.on('test:fail', ({ name, file, line, details }) => {
  const { error } = details;
  if ('failureType' in error && error.failureType === 'subtestsFailed') return;
  failed += 1;
  console.log(`FAIL  ${name} (${path.relative('.', file ?? '')}:${line})`);
  console.log(inspect(error.cause ?? error, { depth: 4 }).replaceAll(/^/gm, '      '));
  const printed = file === undefined ? undefined : output.get(file);
  if (printed !== undefined) console.log(printed.replaceAll(/^/gm, '      | '));
  output.delete(file ?? '');
});

await finished(events.resume());
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(`\n${files.length} files, ${passed} passed, ${failed} failed, ${seconds} s`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
