import path from 'node:path';
import type { Environment } from '#libs/config/env.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { LOOPBACK } from '#libs/embedded/ports.ts';
import { MAILBOX_PATH } from '#libs/simulators/mailbox.ts';
import type { LocalVariables } from './config.ts';
import { internalKeysOf } from './internal-keys.ts';
import type { PaymentChoice } from './payments.ts';
import type { ProviderChoice } from './providers.ts';
import type { Secrets } from './secrets.ts';
import { type Program, scriptPath } from './supervisor.ts';

const OPERATIONS_PORT_OFFSET = 1_000;
const PROBE_TIMEOUT_MS = 1_000;

const PORT_VARIABLES = {
  gateway: { api: 'PORT', operations: 'GATEWAY_OPERATIONS_PORT' },
  billing: { api: 'BILLING_PORT', operations: 'BILLING_OPERATIONS_PORT' },
  'usage-metering': { api: 'USAGE_METERING_PORT', operations: 'USAGE_METERING_OPERATIONS_PORT' },
  generation: { api: 'GENERATION_PORT', operations: 'GENERATION_OPERATIONS_PORT' },
} as const satisfies Record<ServiceName, { api: keyof LocalVariables; operations: keyof LocalVariables }>;

/** A port of a program, and the variable that sets it. */
export type LocalPort = { port: number; variable: string };

/** A program and its addresses. */
export type LocalProgram = Program & {
  /** The API's port; for services, the operations port second. */
  ports: LocalPort[];
  url: string;
};

export type ProgramOptions = {
  env: Environment;
  variables: LocalVariables;
  secrets: Secrets;
  providers: ProviderChoice;
  /** Manual payments unless given. */
  payments?: PaymentChoice;
  databaseUrl: string;
  /** The connection string of each service, if they do not share one login. */
  databaseUrlOf?: (service: ServiceName) => string;
  logFolder: string;
  /** Through which the time can be moved. */
  clockFile?: string | undefined;
};

const urlOf = (port: number) => `http://${LOOPBACK}:${port}`;

/** The address of the provider simulator. */
export const simulatorUrl = ({ SIMULATOR_PORT }: LocalVariables) => urlOf(SIMULATOR_PORT);

/** The page with the mails that were sent without a mail server. */
export const mailboxUrl = (variables: LocalVariables) => `${simulatorUrl(variables)}${MAILBOX_PATH}`;

async function answers(url: string, isGood: (status: number) => boolean): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return isGood(response.status);
  } catch {
    return false;
  }
}

/** The processes of a local installation in their start order; they stop in reverse order. */
export function definePrograms(options: ProgramOptions): LocalProgram[] {
  const { variables, secrets, providers, payments, logFolder, clockFile } = options;
  const dataFolder = path.resolve(scriptPath('.'), variables.DATA_FOLDER);
  const clock = clockFile !== undefined && { CLOCK_FILE: clockFile };
  const shared = {
    // Ctrl-C should not wait long for a stream without a reader; the environment wins.
    SHUTDOWN_TIMEOUT: '5s',
    ...options.env,
    ...clock,
    HOST: LOOPBACK,
    BILLING_URL: urlOf(variables.BILLING_PORT),
    USAGE_METERING_URL: urlOf(variables.USAGE_METERING_PORT),
    GENERATION_URLS: urlOf(variables.GENERATION_PORT),
  };
  const service = (name: ServiceName, env: Record<string, string> = {}): LocalProgram => {
    const names = PORT_VARIABLES[name];
    const port = variables[names.api];
    const operationsPort = variables[names.operations] ?? port + OPERATIONS_PORT_OFFSET;
    return {
      name,
      script: scriptPath(`services/${name}/main.ts`),
      env: {
        ...shared,
        ...env,
        INTERNAL_KEYS: options.env.INTERNAL_KEYS ?? internalKeysOf(name, secrets.internalSecret),
        DATABASE_URL: options.databaseUrlOf?.(name) ?? options.databaseUrl,
        PORT: String(port),
        OPERATIONS_PORT: String(operationsPort),
      },
      logFile: path.join(logFolder, `${name}.log`),
      isReady: () => answers(`${urlOf(operationsPort)}/ready`, (status) => status === 200),
      ports: [
        { port, variable: names.api },
        { port: operationsPort, variable: names.operations },
      ],
      url: urlOf(port),
    };
  };
  const simulator: LocalProgram = {
    name: 'simulator',
    script: scriptPath('libs/simulators/main.ts'),
    env: { CHUNK_DELAY: '15ms', ...options.env, HOST: LOOPBACK, PORT: String(variables.SIMULATOR_PORT) },
    logFile: path.join(logFolder, 'simulator.log'),
    isReady: () => answers(simulatorUrl(variables), () => true),
    ports: [{ port: variables.SIMULATOR_PORT, variable: 'SIMULATOR_PORT' }],
    url: simulatorUrl(variables),
  };
  const stripe = (choice: PaymentChoice): LocalProgram => ({
    name: 'stripe simulator',
    script: scriptPath('libs/simulators/stripe/main.ts'),
    env: { ...options.env, ...choice.simulatorEnv, ...clock, HOST: LOOPBACK, PORT: String(choice.port) },
    logFile: path.join(logFolder, 'stripe-simulator.log'),
    isReady: () => answers(`${choice.url}/health`, (status) => status === 200),
    ports: [{ port: choice.port, variable: 'STRIPE_SIMULATOR_PORT' }],
    url: choice.url,
  });
  return [
    ...(providers.simulated.length > 0 ? [simulator] : []),
    ...(payments?.kind === 'simulated' ? [stripe(payments)] : []),
    service('billing', {
      ...payments?.env,
      PAYMENT_PAGES_URL: options.env.PAYMENT_PAGES_URL ?? urlOf(variables.PORT),
    }),
    service('usage-metering', {
      ENCRYPTION_KEYS: options.env.ENCRYPTION_KEYS ?? secrets.encryptionKey,
    }),
    service('generation', {
      ...providers.env,
      ENCRYPTION_KEYS: options.env.ENCRYPTION_KEYS ?? secrets.encryptionKey,
      MEDIA_PUBLIC_URL: options.env.MEDIA_PUBLIC_URL ?? urlOf(variables.PORT),
      // What is written is in one folder, so that the checkout may be read-only.
      SPOOL_DIR: options.env.SPOOL_DIR ?? path.join(dataFolder, 'spool'),
      MEDIA_DIR: options.env.MEDIA_DIR ?? path.join(dataFolder, 'media'),
    }),
    service('gateway', {
      JWT_KEYS: options.env.JWT_KEYS ?? secrets.jwtKeys,
      EMAIL_VERIFICATION: options.env.EMAIL_VERIFICATION ?? 'off',
      APP_URL: options.env.APP_URL ?? urlOf(variables.PORT),
      ...(options.env.SMTP_URL === undefined &&
        providers.simulated.length > 0 && { SMTP_URL: mailboxUrl(variables) }),
    }),
  ];
}
