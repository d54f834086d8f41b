/**
 * The system under proof, as in production: durable PostgreSQL, the provider simulator, and each service as a process,
 * with two gateways and two generation processes.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { bootstrap } from '#deploy/local/bootstrap.ts';
import { endOfLog } from '#deploy/local/log-tail.ts';
import { definePrograms, type LocalProgram } from '#deploy/local/programs.ts';
import { chooseProviders } from '#deploy/local/providers.ts';
import { readOrCreateSecrets } from '#deploy/local/secrets.ts';
import { chooseServicePorts } from '#deploy/local/service-ports.ts';
import { createSupervisor, type Supervisor } from '#deploy/local/supervisor.ts';
import { processEnv } from '#libs/config/env.ts';
import { createPool } from '#libs/db/pool.ts';
import { writeInstallation } from './installation.ts';
import { type ProvedDatabase, startProvedDatabase } from './proved-database.ts';

/**
 * Lifetime of a hold: short, so that holds of crashed processes expire during the proof; long enough for every request on
 * a busy machine.
 */
export const HOLD_TTL_MS = 30_000;

/** Settings of the services under proof; all others are the defaults. */
const SETTINGS = {
  HOLD_TTL: `${HOLD_TTL_MS}ms`,
  // Margin between the end of work and the end of its hold; in production holds last minutes.
  DEADLINE_MARGIN: '2s',
  SWEEP_INTERVAL: '500ms',
  ACCESS_TOKEN_TTL: '4h',
  // Rate limits are not part of the proof, and its callers are fast.
  RATE_LIMIT_PER_CALLER: '0',
  EMAIL_VERIFICATION: 'off',
  RATE_LIMIT_SIGN_INS: '0',
  RATE_LIMIT_SIGN_UPS: '0',
  RATE_LIMIT_SIGN_UPS_PER_DOMAIN: '0',
  RATE_LIMIT_PASSWORDS: '0',
  // A busy machine must not refuse requests.
  EVENT_LOOP_DELAY_LIMIT: '0ms',
  LOG_LEVEL: 'info',
  CHUNK_DELAY: '0ms',
};

const RESTART_DELAY_MS = 100;
const START_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

/** One supervised process of the system. */
export type ProvedProcess = {
  name: string;
  url: string;
  /** SIGKILL; the supervisor restarts the process. */
  kill: () => void;
  /** SIGSTOP for a time, then SIGCONT. */
  pause: () => void;
  resume: () => void;
  /** Resolves when the process is ready. @throws Error after a minute. */
  ready: () => Promise<void>;
};

export type ProvedSystem = {
  gateways: readonly [ProvedProcess, ProvedProcess];
  generations: readonly [ProvedProcess, ProvedProcess];
  database: ProvedDatabase;
  /** Connected as the database's owner, to read the ledger. */
  pool: Pool;
  simulatorUrl: string;
  logFolder: string;
  /** Ends of processes that the proof did not cause, since the last call: how each ended, and the end of its log. */
  takeUnexpectedEnds: () => string[];
  stop: () => Promise<void>;
};

/**
 * Logs and the database's files are removed at the stop, unless a process has ended unexpectedly.
 * @throws Error with the end of a log if a process does not start.
 */
export async function startSystem(options: {
  say: (line: string) => void;
  /** Keeps logs and files in any case. */
  keep?: boolean;
}): Promise<ProvedSystem> {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-prove-'));
  const logFolder = path.join(folder, 'logs');
  mkdirSync(logFolder);
  const endings: (() => Promise<unknown>)[] = [];
  const unexpectedEnds: string[] = [];
  let taken = 0;
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
    if (!options.keep && unexpectedEnds.length === 0) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const secrets = readOrCreateSecrets(path.join(folder, 'secrets.json'));
    const database = await startProvedDatabase({ folder, logFolder, password: secrets.postgresPassword });
    endings.push(database.remove);
    const pool = createPool({
      connectionString: database.url,
      max: 10,
      applicationName: 'inkmeter-prove',
      statementTimeoutMs: 120_000,
    });
    endings.push(() => pool.end());
    await bootstrap({ databaseUrl: database.url, ...writeInstallation(folder), log: () => undefined });

    const programs = await programsOf({ folder, logFolder, secrets, databaseUrl: database.url });
    const onUnexpectedEnd = (end: string) => {
      unexpectedEnds.push(end);
      options.say(end);
    };
    const supervise = (program: LocalProgram) => superviseOne(program, onUnexpectedEnd, endings);
    const [simulator, ...services] = programs;
    if (simulator === undefined) throw new Error('There is no simulator');
    await supervise(simulator);
    const [billing, usageMetering, ...pairs] = await Promise.all(services.map(supervise));
    const [generation1, gateway1, generation2, gateway2] = pairs;
    if (!billing || !usageMetering || !generation1 || !gateway1 || !generation2 || !gateway2) {
      throw new Error('A service is missing');
    }
    return {
      gateways: [gateway1, gateway2],
      generations: [generation1, generation2],
      database,
      pool,
      simulatorUrl: simulator.url,
      logFolder,
      takeUnexpectedEnds() {
        const ends = unexpectedEnds.slice(taken);
        taken = unexpectedEnds.length;
        return ends;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Simulator, billing, usage-metering, then generation and gateway, twice. */
async function programsOf(given: {
  folder: string;
  logFolder: string;
  secrets: ReturnType<typeof readOrCreateSecrets>;
  databaseUrl: string;
}): Promise<LocalProgram[]> {
  const ports = await chooseServicePorts(7);
  const [
    simulatorPort = 0,
    billing = 0,
    metering = 0,
    generation1 = 0,
    gateway1 = 0,
    generation2 = 0,
    gateway2 = 0,
  ] = ports;
  // The machine's environment is not passed on: a real key would call a real provider.
  const { PATH, HOME, TMPDIR } = processEnv();
  const env = { PATH, HOME, TMPDIR, ...SETTINGS };
  const providers = chooseProviders({}, `http://127.0.0.1:${simulatorPort}`);
  const replica = (generation: number, gateway: number) =>
    definePrograms({
      env,
      secrets: given.secrets,
      providers,
      databaseUrl: given.databaseUrl,
      logFolder: given.logFolder,
      variables: {
        INKMETER_CATALOGUE: 'proof',
        DATA_FOLDER: given.folder,
        POSTGRES_PORT: 0,
        SIMULATOR_PORT: simulatorPort,
        STRIPE_SIMULATOR_PORT: 0,
        PAYMENTS: 'manual',
        PORT: gateway,
        BILLING_PORT: billing,
        USAGE_METERING_PORT: metering,
        GENERATION_PORT: generation,
      },
    });
  const numbered = (program: LocalProgram, number: number): LocalProgram => ({
    ...program,
    name: `${program.name}-${number}`,
    logFile: path.join(given.logFolder, `${program.name}-${number}.log`),
    env: {
      ...program.env,
      GENERATION_URLS: [generation1, generation2].map((port) => `http://127.0.0.1:${port}`).join(','),
    },
  });
  const first = replica(generation1, gateway1);
  const second = replica(generation2, gateway2);
  const isReplicated = ({ name }: LocalProgram) => name === 'generation' || name === 'gateway';
  return [
    ...first.filter((program) => !isReplicated(program)),
    ...first.filter(isReplicated).map((program) => numbered(program, 1)),
    ...second.filter(isReplicated).map((program) => numbered(program, 2)),
  ];
}

const SHOWN_LOG_LINES = 20;
const SHOWN_LINE_LENGTH = 1_000;

/** One supervisor per program, so that its process can be found by name. */
async function superviseOne(
  program: LocalProgram,
  onUnexpectedEnd: (end: string) => void,
  endings: (() => Promise<unknown>)[],
): Promise<ProvedProcess> {
  let pid: number | null = null;
  const killed = new Set<number | undefined>();
  let isStopping = false;
  const supervisor: Supervisor = createSupervisor({
    // Crashes are intended here.
    say: () => undefined,
    onProcesses: (running) => {
      pid = running[0]?.pid ?? null;
    },
    onExit: (ended, reason) => {
      if (isStopping || killed.has(ended)) return;
      const lines = endOfLog(program.logFile, SHOWN_LOG_LINES).split('\n');
      const log = lines.map((line) => `  ${line.slice(0, SHOWN_LINE_LENGTH)}`).join('\n');
      onUnexpectedEnd(
        `${program.name} (pid ${ended}) ended by itself: ${reason}. ${program.logFile} ends:\n${log}`,
      );
    },
    restartDelayMs: RESTART_DELAY_MS,
    // Restarts are not delayed.
    stableAfterMs: 0,
    readyTimeoutMs: START_TIMEOUT_MS,
  });
  endings.push(() => {
    isStopping = true;
    return supervisor.stop();
  });
  await supervisor.start(program);
  const signal = (name: NodeJS.Signals) => {
    if (pid !== null) process.kill(pid, name);
  };
  return {
    name: program.name,
    url: program.url,
    kill: () => {
      if (pid !== null) killed.add(pid);
      signal('SIGKILL');
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async ready() {
      const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
      while (!(await program.isReady())) {
        if (deadline.aborted) throw new Error(`${program.name} did not become ready`);
        await delay(POLL_MS);
      }
    },
  };
}
