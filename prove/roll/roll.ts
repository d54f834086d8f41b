/**
 * `npm run roll [-- --from <commit>] [--seconds <n>]`: a deploy without a lost call. Two processes of each service run the
 * release of an earlier commit behind load balancers, under constant load; each process is replaced by the current release, then
 * by the old one again. No request may fail, and the ledger must equal the witness.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { internalKeysOf } from '#deploy/local/internal-keys.ts';
import { chooseProviders } from '#deploy/local/providers.ts';
import { readOrCreateSecrets } from '#deploy/local/secrets.ts';
import { chooseServicePorts, OPERATIONS_PORT_OFFSET } from '#deploy/local/service-ports.ts';
import { scriptPath } from '#deploy/local/supervisor.ts';
import { processEnv } from '#libs/config/env.ts';
import { SERVICE_NAMES, type ServiceName } from '#libs/contracts/internal-context.ts';
import { createPool } from '#libs/db/pool.ts';
import { ensureDatabase, startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { examineInstallation } from '../examine-installation.ts';
import { readWitness } from '../witness.ts';
import { type Load, startLoad } from './load.ts';
import { startLoadBalancer } from './load-balancer.ts';
import { logCauses } from './log-causes.ts';

const REPLICAS = 2;
const READY_TIMEOUT_MS = 60_000;
const HOLD_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/**
 * The default catalogue of a release without limits that refuse: refusals are the proof's subject, not this one's. It stays in
 * force when a newer release brings another.
 */
function generousCatalogue(tree: string): string {
  return readFileSync(path.join(tree, 'deploy/catalogues/default.yaml'), 'utf8')
    .replace(/(meter: (?!cost)[^}]*amount: )[^}]+}/g, '$1unlimited }')
    .replace(/amount: [\d.]+ USD/g, 'amount: 100000 USD')
    .replace(/maxParallel: \d+/g, 'maxParallel: 1000');
}

const SETTINGS = {
  DRAIN_DELAY: '1s',
  SHUTDOWN_TIMEOUT: '20s',
  HOLD_TTL: '30s',
  DEADLINE_MARGIN: '2s',
  SWEEP_INTERVAL: '500ms',
  EMAIL_VERIFICATION: 'off',
  RATE_LIMIT_PER_CALLER: '0',
  EVENT_LOOP_DELAY_LIMIT: '0ms',
  LOG_LEVEL: 'info',
};

const say = (line: string) => console.log(line);

/** The files of a commit, with the packages of this checkout. */
function checkOut(commit: string, folder: string): void {
  mkdirSync(folder);
  const archive = execFileSync('git', ['archive', commit], { cwd: scriptPath('.'), maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(scriptPath('node_modules'), path.join(folder, 'node_modules'));
}

type Replica = { name: ServiceName; number: number; port: number; child: ChildProcess };

async function roll(commit: string, rate: number, pauseMs: number): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-roll-'));
  const endings: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const old = path.join(folder, 'old');
    checkOut(commit, old);
    const current = scriptPath('.');
    const catalogue = path.join(folder, 'catalogue.yaml');
    writeFileSync(catalogue, generousCatalogue(old));

    const secrets = readOrCreateSecrets(path.join(folder, 'secrets.json'));
    const server = await startEmbeddedPostgres({
      dataFolder: path.join(folder, 'postgres'),
      password: secrets.postgresPassword,
      port: 0,
    });
    endings.push(async () => {
      await server.stop('immediate');
      rmSync(server.dataFolder, { recursive: true, force: true });
    });
    await ensureDatabase(server.url(), 'inkmeter');
    const databaseUrl = server.url('inkmeter');

    const ports = await chooseServicePorts(1 + SERVICE_NAMES.length * (REPLICAS + 1));
    const takePort = () => ports.pop() ?? 0;
    const simulatorPort = takePort();
    const simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
    const { PATH, HOME, TMPDIR } = processEnv();
    const base = { PATH, HOME, TMPDIR };
    const portOf = new Map(SERVICE_NAMES.map((name) => [name, takePort()]));
    const urlOf = (name: ServiceName) => `http://127.0.0.1:${portOf.get(name)}`;

    const launch = (tree: string, script: string, env: NodeJS.ProcessEnv, log: string): ChildProcess => {
      const output = openSync(path.join(folder, log), 'a');
      const child = spawn(process.execPath, ['--import', './libs/service/preload.ts', script], {
        cwd: tree,
        env: { ...base, ...env },
        stdio: ['ignore', output, output],
      });
      endings.push(() => child.kill('SIGKILL'));
      return child;
    };
    const setUp = async (tree: string) => {
      const env = { DATABASE_URL: databaseUrl, INKMETER_CATALOGUE: catalogue };
      const [exitCode] = await once(
        launch(tree, 'deploy/docker/set-up-database.ts', env, 'set-up.log'),
        'exit',
      );
      if (exitCode !== 0) throw new Error(readFileSync(path.join(folder, 'set-up.log'), 'utf8'));
    };

    say(`Setting up a database with ${commit} ...`);
    await setUp(old);
    launch(current, 'libs/simulators/main.ts', { PORT: String(simulatorPort) }, 'simulator.log');
    const providers = chooseProviders({}, simulatorUrl).env;

    const start = async (tree: string, name: ServiceName, number: number, port: number): Promise<Replica> => {
      const env = {
        ...SETTINGS,
        ...(name === 'generation' && { ...providers, SPOOL_DIR: path.join(folder, `spool-${number}`) }),
        ENCRYPTION_KEYS: secrets.encryptionKey,
        ...(name === 'gateway' && { JWT_KEYS: secrets.jwtKeys }),
        DATABASE_URL: databaseUrl,
        INTERNAL_KEYS: internalKeysOf(name, secrets.internalSecret),
        BILLING_URL: urlOf('billing'),
        USAGE_METERING_URL: urlOf('usage-metering'),
        GENERATION_URLS: urlOf('generation'),
        PORT: String(port),
        OPERATIONS_PORT: String(port + OPERATIONS_PORT_OFFSET),
      };
      const child = launch(tree, `services/${name}/main.ts`, env, `${name}-${number}.log`);
      const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
      const ready = `http://127.0.0.1:${port + OPERATIONS_PORT_OFFSET}/ready`;
      while (
        !(await fetch(ready).then(
          ({ ok }) => ok,
          () => false,
        ))
      ) {
        if (deadline.aborted || child.exitCode !== null) {
          throw new Error(readFileSync(path.join(folder, `${name}-${number}.log`), 'utf8').slice(-2_000));
        }
        await delay(POLL_MS);
      }
      return { name, number, port, child };
    };

    const order: ServiceName[] = ['billing', 'usage-metering', 'generation', 'gateway'];
    const replicas: Replica[] = [];
    for (const name of order) {
      const own = Array.from({ length: REPLICAS }, takePort);
      const backends = own.map((port) => ({ port, operationsPort: port + OPERATIONS_PORT_OFFSET }));
      const balancer = await startLoadBalancer(portOf.get(name) ?? 0, backends);
      endings.push(balancer.close);
      replicas.push(...(await Promise.all(own.map((port, number) => start(old, name, number, port)))));
    }

    const load = await startLoad({ url: urlOf('gateway'), rate });
    const replaceAll = async (tree: string) => {
      for (const replica of replicas) {
        const exit = once(replica.child, 'exit');
        replica.child.kill('SIGTERM');
        const [exitCode, signal] = await exit;
        if (exitCode !== 0) throw new Error(`${replica.name} ended with ${exitCode ?? signal}.`);
        replica.child = (await start(tree, replica.name, replica.number, replica.port)).child;
        say(`  ${replica.name} ${replica.number + 1}: ${describe(load)}`);
        await delay(pauseMs);
      }
    };
    const replaceThereAndBack = async () => {
      say('Rolling forward ...');
      await setUp(current);
      await replaceAll(current);
      say('Rolling back ...');
      await replaceAll(old);
    };
    const stopped: unknown = await replaceThereAndBack().catch((error: unknown) => error);
    const failures = await load.end();
    say(`${describe(load)}\n`);
    for (const line of failures) say(line);
    if (failures.length > 0 || stopped instanceof Error) {
      say('\nIn the logs:');
      for (const line of logCauses(folder)) say(line);
    }
    if (stopped instanceof Error) throw stopped;

    const pool = createPool({
      connectionString: databaseUrl,
      max: 2,
      applicationName: 'inkmeter-roll',
      statementTimeoutMs: 60_000,
    });
    const differences = await compareWithWitness(pool, simulatorUrl);
    await pool.end();
    for (const line of differences) say(line);
    return failures.length === 0 && differences.length === 0;
  } finally {
    for (const end of endings.toReversed()) await end();
  }
}

const describe = ({ sent, failed }: Load) => `${sent()} requests, ${failed()} failed`;

async function compareWithWitness(
  pool: ReturnType<typeof createPool>,
  simulatorUrl: string,
): Promise<string[]> {
  const deadline = AbortSignal.timeout(HOLD_TIMEOUT_MS);
  const count = async (sql: string) => Number((await pool.query<{ n: bigint }>(sql)).rows[0]?.n ?? 0);
  const countOpen = () => count(`SELECT count(*) AS n FROM ledger_holds WHERE state = 'open'`);
  while ((await countOpen()) > 0 && !deadline.aborted) await delay(POLL_MS);
  const { accounts, balances, differences } = await examineInstallation(pool);
  // Quota resources, such as members, are rows of a provider `inkmeter`.
  const { rows } = await pool.query<{ call: string; source: string; status: string }>(
    `SELECT hold_id || '/' || call_index AS call, usage_source AS source, concat_ws(' ', step, model, status) AS status
       FROM usage_events WHERE provider <> 'inkmeter'`,
  );
  const served = (await readWitness(simulatorUrl, new Date(0))).map(({ correlation }) => correlation);
  const recorded = new Set(rows.map(({ call }) => call));
  const wasServed = new Set(served);
  say(
    `${accounts} accounts, ${balances} balances, ${rows.length} usage rows, ${served.length} calls at the provider`,
  );
  return [
    ...differences,
    ...served
      .filter((call) => !recorded.has(call ?? ''))
      .map((call) => `${call} was served and is not in the ledger`),
    ...(served.length === wasServed.size
      ? []
      : [`${served.length - wasServed.size} calls were served twice`]),
    ...rows
      .filter(({ call, source }) => !wasServed.has(call) || source === 'bound')
      .map(
        ({ call, source, status }) =>
          `${call} is in the ledger, ${status}, by ${source}, served: ${wasServed.has(call)}`,
      ),
  ];
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'HEAD~1' },
    rate: { type: 'string', default: '100' },
    pause: { type: 'string', default: '1' },
  },
});
const isRight = await roll(values.from, Number(values.rate), Number(values.pause) * 1_000);
say(isRight ? 'No request failed, and the ledger equals the witness.' : 'Calls were lost.');
process.exit(isRight ? 0 : 1);
