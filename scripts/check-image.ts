/**
 * `npm run check:image`: performs the steps of the Dockerfile in a folder, then runs the system of docker-compose.yml from it:
 * as an ordinary user, from a read-only tree, with the environment and the secrets of the compose file. It needs no container
 * engine.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseEnv, promisify } from 'node:util';
import { Copy, DockerfileParser } from 'dockerfile-ast';
import pg from 'pg';
import { parse } from 'yaml';
import { writeSecrets } from '#deploy/docker/write-secrets.ts';
import { startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { findFreePort } from '#libs/embedded/ports.ts';

const run = promisify(execFile);

/** A user without rights on every Linux. */
const ORDINARY_USER = 65_534;
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** The files below the copied folders that the build context leaves out. */
const LEFT_OUT = readFileSync('.dockerignore', 'utf8')
  .split('\n')
  .filter((pattern) => pattern.startsWith('**/'));

type ComposeService = {
  command: string[];
  environment?: Record<string, string>;
  secrets?: (string | { source: string; target: string })[];
};

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, ComposeService>;
};
const say = (line: string) => console.log(line);

/** Performs the Dockerfile: `/` of each stage is a folder. Commands of the last stage change the base image and are left out. */
function buildImage(folder: string): string {
  const dockerfile = DockerfileParser.parse(readFileSync('deploy/docker/Dockerfile', 'utf8'));
  const stageCount = dockerfile.getFROMs().length;
  const rootOf = new Map<string, string>();
  let root = '';
  let workingFolder = '';
  for (const instruction of dockerfile.getInstructions()) {
    const keyword = instruction.getKeyword();
    const args = instruction.getArguments().map((argument) => argument.getValue());
    if (keyword === 'FROM') {
      root = path.join(folder, `stage-${rootOf.size}`);
      rootOf.set(args[2] ?? 'final', root);
    }
    if (keyword === 'WORKDIR') {
      workingFolder = path.join(root, args[0] ?? '');
      mkdirSync(workingFolder, { recursive: true });
    }
    if (instruction instanceof Copy) {
      copy(args, { stage: instruction.getFromFlag()?.getValue() ?? null, rootOf, workingFolder });
    }
    if (keyword === 'RUN' && rootOf.size < stageCount) {
      const command = instruction.getArgumentsContent() ?? '';
      say(`RUN ${command}`);
      execFileSync('sh', ['-c', command], { cwd: workingFolder, stdio: ['ignore', 'ignore', 'inherit'] });
    }
  }
  return workingFolder;
}

function copy(
  paths: string[],
  given: { stage: string | null; rootOf: Map<string, string>; workingFolder: string },
): void {
  const target = path.join(given.workingFolder, paths.pop() ?? '.');
  for (const source of paths) {
    const isFolder = paths.length > 1 || target.endsWith('/') || target === given.workingFolder;
    const to = isFolder ? path.join(target, path.basename(source)) : target;
    if (given.stage === null) {
      cpSync(source, to, { recursive: true, filter: isInContext });
    } else {
      // hard links: the folders of packages are large, and the other stage is not used again
      execFileSync('cp', ['-al', path.join(given.rootOf.get(given.stage) ?? '', source), to]);
    }
  }
}

const isInContext = (file: string) => !LEFT_OUT.some((pattern) => path.matchesGlob(file, pattern));

/** `${NAME:-default}` from the variables, as Compose does it. */
function substitute(text: string, variables: Record<string, string | undefined>): string {
  return text.replace(
    /\$\{([A-Z0-9_]+):-([^}]*)\}/g,
    (_whole, name: string, fallback: string) => variables[name] || fallback,
  );
}

type Ports = { api: number; operations: number };

/** The environment that Compose gives a service, with local ports and files in place of host names and mounts. */
function environmentOf(
  name: string,
  { ports, secrets, folder }: { ports: Map<string, Ports>; secrets: string; folder: string },
): Record<string, string> {
  const service = compose.services[name];
  const variables = parseEnv(readFileSync('deploy/docker/simulators.env', 'utf8'));
  const fileOf = new Map(
    (service?.secrets ?? []).map((one) => (typeof one === 'string' ? [one, one] : [one.target, one.source])),
  );
  const own = ports.get(name);
  const environment: Record<string, string> = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    ...(own && { PORT: String(own.api), OPERATIONS_PORT: String(own.operations) }),
  };
  for (const [key, text] of Object.entries(service?.environment ?? {})) {
    environment[key] = substitute(String(text), variables)
      .replace(/\/\/([a-z-]+):8080/g, (_whole, host: string) => `//127.0.0.1:${ports.get(host)?.api}`)
      .replace(/^\/run\/secrets\/(.+)$/, (_whole, target: string) =>
        path.join(secrets, fileOf.get(target) ?? ''),
      )
      .replace(/^\/var\/lib\/inkmeter/, path.join(folder, 'volume'));
  }
  return environment;
}

const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-image-'));
const ended: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: ORDINARY_USER, gid: ORDINARY_USER } : {};

async function check(): Promise<void> {
  chmodSync(folder, 0o755);
  const image = buildImage(folder);
  execFileSync('chmod', ['-R', 'a-w,a+rX', image]);
  // The base image has its Node where every user can run it.
  const node = path.join(folder, 'node');
  cpSync(process.execPath, node);
  mkdirSync(path.join(folder, 'volume'));
  if (isRoot) execFileSync('chown', [String(ORDINARY_USER), path.join(folder, 'volume')]);

  const postgresPort = await findFreePort();
  const secrets = path.join(folder, 'secrets');
  writeSecrets(secrets, { database: `127.0.0.1:${postgresPort}/inkmeter` });
  chmodSync(secrets, 0o755);
  const password = readFileSync(path.join(secrets, 'postgres-password'), 'utf8');
  const server = await startEmbeddedPostgres({
    dataFolder: path.join(folder, 'postgres'),
    password,
    port: postgresPort,
    durable: false,
  });
  ended.push(() => server.stop());
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  await client.query(`CREATE ROLE inkmeter_owner LOGIN SUPERUSER PASSWORD '${password}'`);
  await client.query('CREATE DATABASE inkmeter OWNER inkmeter_owner');
  await client.end();

  const names = ['simulator', 'billing', 'usage-metering', 'generation', 'gateway'];
  const ports = new Map<string, Ports>();
  for (const name of names) ports.set(name, { api: await findFreePort(), operations: await findFreePort() });
  const given = { ports, secrets, folder };
  const start = (name: string): ChildProcess => {
    const command = compose.services[name]?.command ?? [];
    say(`starting ${name}`);
    return spawn(node, ['--import', './libs/service/preload.ts', ...command], {
      cwd: image,
      env: environmentOf(name, given),
      stdio: ['ignore', 'ignore', 'inherit'],
      ...identity,
    });
  };
  for (const _again of [1, 2]) {
    const [exitCode] = await once(start('set-up'), 'exit');
    if (exitCode !== 0) throw new Error('The set-up of the database failed.');
  }

  const children = new Map(names.map((name) => [name, start(name)]));
  ended.push(() => {
    for (const child of children.values()) child.kill('SIGKILL');
  });
  const inImage = (args: string[], env: Record<string, string>) =>
    run(node, args, { cwd: image, env, ...identity });
  for (const name of names.slice(1)) {
    const operations = ports.get(name)?.operations;
    await until(`${name} is ready`, () => answers(`http://127.0.0.1:${operations}/ready`));
    // Docker too repeats a check that fails, as it may on a busy machine.
    await until(`${name} is healthy`, () =>
      inImage(['deploy/docker/healthcheck.ts'], { OPERATIONS_PORT: String(operations) }).then(
        () => true,
        () => false,
      ),
    );
  }
  await callAsNewCustomer(`http://127.0.0.1:${ports.get('gateway')?.api}`);
  await inImage(['scripts/staff.ts', 'list'], {
    DATABASE_URL: readFileSync(path.join(secrets, 'database-url'), 'utf8'),
  });

  for (const name of names.toReversed()) {
    const child = children.get(name);
    if (child === undefined || child.exitCode !== null) throw new Error(`${name} exited by itself.`);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const [exitCode] = await exit;
    if (exitCode !== 0) throw new Error(`${name} exited with ${exitCode} on SIGTERM.`);
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
  while (!(await isTrue())) {
    if (deadline.aborted) throw new Error(`Not in time: ${what}`);
    await delay(POLL_MS);
  }
  say(what);
}

async function callAsNewCustomer(url: string): Promise<void> {
  const post = async (route: string, body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${route} answered ${response.status}: ${text}`);
    return { headers: response.headers, body: JSON.parse(text) as { access_token: string } };
  };
  const password = 'a long enough passphrase';
  const { body } = await post('/api/auth/register', { email: 'first@example.com', password });
  const answer = await post(
    '/v1/chat/completions',
    { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Why is ink blue?' }] },
    { authorization: `Bearer ${body.access_token}` },
  );
  const cost = answer.headers.get('x-inkmeter-cost-usd');
  if (!Number(cost)) throw new Error(`A call cost ${cost}.`);
  say(`a new customer's call cost ${cost} USD`);
}

try {
  await check();
  say('The image runs as an ordinary user from a read-only tree.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const end of ended.toReversed()) await end();
}
