/** `npm run clients`: installs the clients of `client-recipes.ts` one at a time, and lets each do a task at a running server. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Recipe, Server } from './client-recipe.ts';
import { RECIPES } from './client-recipes.ts';

const USAGE = `Usage:
  INKMETER_KEY=ik_live_… npm run clients -- [name …]

Installs each client from the npm registry into a temporary folder, points it at INKMETER_URL (http://127.0.0.1:8080 unless
set), and runs a task. The plan of the key needs the models of OpenAI, Anthropic and Gemini.
Exit codes: 0 every client succeeded; 1 one failed; 2 the command was wrong.`;

/** Some have hundreds of packages. */
const INSTALL_TIMEOUT_MS = 1_200_000;
const RUN_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const SHOWN_CHARACTERS = 1_200;

type Result = { name: string; version: string; task: string; seconds: number; failure: string | null };
type Ran = { output: string; exitCode: number | string };

function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  ms: number,
): Promise<Ran> {
  const options = {
    cwd,
    env,
    timeout: ms,
    maxBuffer: MAX_OUTPUT_BYTES,
  };
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ output: `${stdout}\n${stderr}`, exitCode: error ? (error.code ?? error.signal ?? 1) : 0 });
    });
    child.stdin?.end();
  });
}

async function tryClient(recipe: Recipe, server: Server): Promise<Result> {
  const { name, packages, task, expected } = recipe;
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-client-'));
  const startedAt = performance.now();
  const result = (failure: string | null): Result => ({
    name,
    version: packages[0]?.replace(/^.*@/, '') ?? '',
    task,
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    failure,
  });
  try {
    writeFile(folder, 'package.json', '{"private":true}');
    mkdirSync(path.join(folder, 'home'));
    const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages];
    const installed = await run('npm', install, folder, process.env, INSTALL_TIMEOUT_MS);
    if (installed.exitCode !== 0) return result(`not installed: ${shorten(installed.output)}`);

    for (const [file, text] of Object.entries(recipe.files?.(server) ?? {})) writeFile(folder, file, text);
    const [program, ...args] = recipe.command(server);
    const command = program === 'node' ? process.execPath : path.join(folder, 'node_modules/.bin', program);
    const env = { ...cleanEnv(folder), ...recipe.env?.(server) };
    const { output, exitCode } = await run(command, args, folder, env, RUN_TIMEOUT_MS);
    if (exitCode === 0 && expected.test(output)) return result(null);
    return result(`exit ${exitCode}: ${shorten(output.replaceAll(server.key, 'ik_live_…'))}`);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Nothing of the user's own: a client must not find other keys or settings. */
function cleanEnv(folder: string): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: path.join(folder, 'home'), NO_COLOR: '1', TERM: 'dumb' };
}

function writeFile(folder: string, file: string, text: string): void {
  const target = path.join(folder, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function shorten(text: string): string {
  return text.trim().slice(-SHOWN_CHARACTERS);
}

function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ name, version, task, seconds, failure }) =>
    [name, version, task, failure === null ? 'works' : 'fails', `${seconds} s`].join(' | '),
  );
  return ['client | version | task | result | time', '--- | --- | --- | --- | ---', ...rows]
    .map((row) => `| ${row} |`)
    .join('\n');
}

const { INKMETER_URL: url = 'http://127.0.0.1:8080', INKMETER_KEY: key } = process.env;
const wanted = process.argv.slice(2).map((name) => name.toLowerCase());
const chosen = RECIPES.filter(({ name }) => wanted.length === 0 || wanted.includes(name.toLowerCase()));
if (key === undefined || chosen.length === 0 || chosen.length < wanted.length) {
  console.error(`${USAGE}\nClients: ${RECIPES.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const results: Result[] = [];
for (const recipe of chosen) {
  const result = await tryClient(recipe, { url, key });
  results.push(result);
  console.error(`${result.name}: ${result.failure ?? 'works'} (${result.seconds} s)`);
}
console.log(tableOf(results));
process.exitCode = results.every(({ failure }) => failure === null) ? 0 : 1;
