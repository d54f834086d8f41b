/** `npm start`: starts the whole system on one machine. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { isPortFree, LOOPBACK, portInUse } from '#libs/embedded/ports.ts';
import { followClock } from '#libs/service/system-clock.ts';
import { bootstrap, cataloguePathOf, defaultPricesPath } from './bootstrap.ts';
import { clockFileOf } from './clock.ts';
import { configSchema, type LocalVariables } from './config.ts';
import { type LocalDatabase, startDatabase } from './database.ts';
import { choosePayments, publishToSimulator } from './payments.ts';
import { beginRun } from './previous-run.ts';
import { definePrograms, type LocalProgram, simulatorUrl } from './programs.ts';
import { chooseProviders } from './providers.ts';
import { renderScreen } from './screen.ts';
import { readOrCreateSecrets } from './secrets.ts';
import { createSupervisor, scriptPath } from './supervisor.ts';

const PARENT_CHECK_MS = 1_000;

const startedAt = performance.now();
const say = (line: string) => console.log(line);

loadDotEnv(scriptPath('.env'));
const env = processEnv();

/** Exits with the message alone: these errors are for an operator, who needs no stack. */
function refuse(error: unknown): never {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function readVariables(): LocalVariables {
  try {
    return loadConfig(configSchema, env);
  } catch (error) {
    return refuse(error);
  }
}

const variables = readVariables();
const folder = path.resolve(scriptPath('.'), variables.DATA_FOLDER);
const logFolder = path.join(folder, 'logs');
mkdirSync(logFolder, { recursive: true });

const run = await beginRun(folder).catch(refuse);
const supervisor = createSupervisor({ say, onProcesses: run.record });
let database: LocalDatabase | undefined;
let stopped: Promise<void> | undefined;

async function stop(): Promise<void> {
  await supervisor.stop();
  await database?.stop();
  run.release();
}

async function end(exitCode: number): Promise<never> {
  stopped ??= stop();
  await stopped;
  process.exit(exitCode);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopped) {
      supervisor.kill();
      void database?.stop('immediate');
      return;
    }
    say('\nStopping. Press Ctrl-C again to stop at once.');
    void end(0);
  });
}

// npm may be killed without passing the signal on; Ctrl-C would then reach no one.
const parent = process.ppid;
if (env.npm_lifecycle_event !== undefined) {
  setInterval(() => {
    if (process.ppid !== parent && !stopped) void end(0);
  }, PARENT_CHECK_MS).unref();
}

async function refuseTakenPorts(programs: LocalProgram[]): Promise<void> {
  const taken: string[] = [];
  for (const { name, ports } of programs) {
    for (const { port, variable } of ports) {
      if (!(await isPortFree(port))) taken.push(portInUse(port, `${name}, ${variable}`));
    }
  }
  if (taken.length > 0)
    throw new Error([...taken, 'Stop that program or set another port (see .env.example).'].join('\n'));
}

async function start(): Promise<void> {
  const secrets = readOrCreateSecrets(path.join(folder, 'secrets.json'));
  const providers = chooseProviders(env, simulatorUrl(variables));
  const payments = choosePayments(env, { variables, secrets, folder });
  const clockFile = clockFileOf(env, folder);
  if (clockFile !== undefined) followClock(clockFile, LOOPBACK);
  say('Starting Inkmeter ...');
  database = await startDatabase({ variables, secrets, folder, logFolder, say });
  const databaseUrl = database.ownerUrl;
  const programs = definePrograms({
    env,
    variables,
    secrets,
    providers,
    payments,
    databaseUrl,
    databaseUrlOf: database.serviceUrl,
    logFolder,
    clockFile,
  });
  await refuseTakenPorts(programs);
  const { catalogue, demo } = await bootstrap({
    databaseUrl,
    cataloguePath: cataloguePathOf(variables.INKMETER_CATALOGUE),
    pricesPath: defaultPricesPath,
    demoSecrets: secrets,
    log: say,
  });
  await Promise.all(programs.map((program) => supervisor.start(program)));
  await publishToSimulator(payments, databaseUrl);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { description } = database;
  say(
    renderScreen({
      programs,
      providers,
      payments,
      database: description,
      logFolder,
      demoApiKey: secrets.demoApiKey,
      demo,
      catalogue,
      catalogueName: variables.INKMETER_CATALOGUE,
      seconds,
    }),
  );
}

await start().catch(async (error: unknown) => {
  // During a stop, a failing start is expected.
  if (stopped) return;
  stopped = stop();
  await stopped;
  refuse(error);
});
