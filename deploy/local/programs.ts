import path from 'node:path';
import type { Environment } from '#libs/config/env.ts';
import type { ServiceName } from '#libs/db/roles.ts';
import { LOOPBACK } from '#libs/embedded/ports.ts';
import type { LocalVariables } from './config.ts';
import type { ProviderChoice } from './providers.ts';
import type { Secrets } from './secrets.ts';
import { type Program, scriptPath } from './supervisor.ts';

const OPERATIONS_PORT_OFFSET = 1_000;
const PROBE_TIMEOUT_MS = 1_000;

/** A program with what the screen tells about it. */
export type LocalProgram = Program & { ports: number[]; url: string };

export type ProgramOptions = {
  env: Environment;
  variables: LocalVariables;
  secrets: Secrets;
  providers: ProviderChoice;
  databaseUrl: string;
  /** What each service connects with, where they do not share one login. */
  databaseUrlOf?: (service: ServiceName) => string;
  logFolder: string;
};

const urlOf = (port: number) => `http://${LOOPBACK}:${port}`;

/** Where the simulator listens. */
export const simulatorUrl = ({ SIMULATOR_PORT }: LocalVariables) => urlOf(SIMULATOR_PORT);

async function answers(url: string, isGood: (status: number) => boolean): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return isGood(response.status);
  } catch {
    return false;
  }
}

/** The processes of a local installation, in the order of their start; they stop in the opposite one. */
export function definePrograms(options: ProgramOptions): LocalProgram[] {
  const { variables, secrets, providers, logFolder } = options;
  const shared = {
    // Ctrl-C should not wait long for a stream that nobody reads; what is set in the environment wins.
    SHUTDOWN_TIMEOUT: '5s',
    ...options.env,
    HOST: LOOPBACK,
    INTERNAL_SECRETS: options.env.INTERNAL_SECRETS ?? secrets.internalSecret,
    BILLING_URL: urlOf(variables.BILLING_PORT),
    USAGE_METERING_URL: urlOf(variables.USAGE_METERING_PORT),
    GENERATION_URLS: urlOf(variables.GENERATION_PORT),
  };
  const service = (name: ServiceName, port: number, env: Record<string, string> = {}): LocalProgram => ({
    name,
    script: scriptPath(`services/${name}/main.ts`),
    env: {
      ...shared,
      ...env,
      DATABASE_URL: options.databaseUrlOf?.(name) ?? options.databaseUrl,
      PORT: String(port),
      OPERATIONS_PORT: String(port + OPERATIONS_PORT_OFFSET),
    },
    logFile: path.join(logFolder, `${name}.log`),
    isReady: () => answers(`${urlOf(port + OPERATIONS_PORT_OFFSET)}/ready`, (status) => status === 200),
    ports: [port, port + OPERATIONS_PORT_OFFSET],
    url: urlOf(port),
  });
  const simulator: LocalProgram = {
    name: 'simulator',
    script: scriptPath('libs/simulators/main.ts'),
    env: { CHUNK_DELAY: '15ms', ...options.env, HOST: LOOPBACK, PORT: String(variables.SIMULATOR_PORT) },
    logFile: path.join(logFolder, 'simulator.log'),
    isReady: () => answers(simulatorUrl(variables), () => true),
    ports: [variables.SIMULATOR_PORT],
    url: simulatorUrl(variables),
  };
  return [
    ...(providers.simulated.length > 0 ? [simulator] : []),
    service('billing', variables.BILLING_PORT),
    service('usage-metering', variables.USAGE_METERING_PORT),
    service('generation', variables.GENERATION_PORT, providers.env),
    service('gateway', variables.PORT, {
      JWT_KEYS: options.env.JWT_KEYS ?? secrets.jwtKeys,
    }),
  ];
}
