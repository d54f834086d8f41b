/**
 * The system under proof, from nothing and as it runs elsewhere: durable PostgreSQL, the provider simulator, and every
 * service in processes of its own, two gateways and two generation processes among them.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { bootstrap } from '#deploy/local/bootstrap.ts';
import { definePrograms, type LocalProgram } from '#deploy/local/programs.ts';
import { chooseProviders } from '#deploy/local/providers.ts';
import { readOrCreateSecrets } from '#deploy/local/secrets.ts';
import { createSupervisor, type Supervisor } from '#deploy/local/supervisor.ts';
import { processEnv } from '#libs/config/env.ts';
import { createPool } from '#libs/db/pool.ts';
import { writeInstallation } from './installation.ts';
import { chooseServicePorts } from './ports.ts';
import { type ProvedDatabase, startProvedDatabase } from './proved-database.ts';

/** How long a hold lives: short, so that what a crash leaves behind is swept while we wait. */
export const HOLD_TTL_MS = 15_000;

/** Settings of the services under proof; everything else is as shipped. */
const SETTINGS = {
  HOLD_TTL: `${HOLD_TTL_MS}ms`,
  // Work ends so long before its hold does; in production the hold lives for minutes.
  DEADLINE_MARGIN: '2s',
  SWEEP_INTERVAL: '500ms',
  ACCESS_TOKEN_TTL: '4h',
  // Callers are many and hurried here; what limits how often they call is not what is proved.
  RATE_LIMIT_PER_CALLER: '0',
  RATE_LIMIT_SIGN_INS: '0',
  RATE_LIMIT_PASSWORDS: '0',
  // A machine that is busy with other things must not turn requests away.
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
  /** SIGKILL; the supervisor starts it again by itself. */
  kill: () => void;
  /** SIGSTOP: it stands still, and knows nothing of it. */
  pause: () => void;
  resume: () => void;
  /** How often it ended without having been killed by us. */
  ownEnds: () => number;
  /** Resolves when it can serve. @throws Error when it does not within a minute. */
  ready: () => Promise<void>;
};

export type ProvedSystem = {
  gateways: readonly [ProvedProcess, ProvedProcess];
  generations: readonly [ProvedProcess, ProvedProcess];
  database: ProvedDatabase;
  /** As the database's owner, for reading the books. */
  pool: Pool;
  simulatorUrl: string;
  logFolder: string;
  stop: () => Promise<void>;
};

/** @throws Error with the end of a log when something does not start. */
export async function startSystem(options: {
  say: (line: string) => void;
  /** Keeps the logs and the database's files when the system has stopped. */
  keep?: boolean;
}): Promise<ProvedSystem> {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-prove-'));
  const logFolder = path.join(folder, 'logs');
  mkdirSync(logFolder);
  const endings: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
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
    const supervise = (program: LocalProgram) => superviseOne(program, options.say, endings);
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
  // Nothing of this machine's environment: a real key in it would send the proof to a real provider.
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

/** A supervisor for each program, so that its process is known by name. */
async function superviseOne(
  program: LocalProgram,
  say: (line: string) => void,
  endings: (() => Promise<unknown>)[],
): Promise<ProvedProcess> {
  let pid: number | null = null;
  let kills = 0;
  let ends = 0;
  let isStopping = false;
  const supervisor: Supervisor = createSupervisor({
    say,
    onProcesses: (running) => {
      const next = running[0]?.pid ?? null;
      if (pid !== null && next === null && !isStopping) ends += 1;
      pid = next;
    },
    restartDelayMs: RESTART_DELAY_MS,
    // Crashes are ours here, so no program is punished for them with longer pauses.
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
      if (pid !== null) kills += 1;
      signal('SIGKILL');
    },
    ownEnds: () => ends - kills,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async ready() {
      const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
      while (!(await program.isReady())) {
        if (deadline.aborted) throw new Error(`${program.name} did not come back`);
        await delay(POLL_MS);
      }
    },
  };
}
