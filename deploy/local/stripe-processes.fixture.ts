/** The processes of `npm start` that take part in a payment: gateway, billing, usage-metering and Stripe's simulator. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { type HttpResponse, request } from '#libs/testing/http.ts';
import { bootstrap, cataloguePathOf, defaultPricesPath } from './bootstrap.ts';
import { advanceClock } from './clock.ts';
import { configSchema } from './config.ts';
import { choosePayments, publishToSimulator } from './payments.ts';
import { definePrograms, type LocalProgram } from './programs.ts';
import { chooseProviders } from './providers.ts';
import { readOrCreateSecrets } from './secrets.ts';
import { chooseServicePorts } from './service-ports.ts';
import { createSupervisor } from './supervisor.ts';

export const PASSWORD = 'a password of tests';
const START_TIMEOUT_MS = 120_000;
/** Generation and the providers take no part. */
const PROGRAMS = ['stripe simulator', 'billing', 'usage-metering', 'gateway'];

// biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect of a body
type Answer = HttpResponse<any>;

/** One supervisor for each program, so that its process is known. */
function supervise(t: TestScope, program: LocalProgram) {
  let pid: number | undefined;
  const supervisor = createSupervisor({
    say: () => undefined,
    onProcesses: ([process]) => {
      pid = process?.pid;
    },
    restartDelayMs: 100,
    stableAfterMs: 0,
    readyTimeoutMs: START_TIMEOUT_MS,
  });
  t.teardown(() => supervisor.stop());
  return { name: program.name, ready: supervisor.start(program), pid: () => pid };
}

export async function startWithStripe(t: TestScope & { testdir: () => string }) {
  const database = await createTestDatabase(t);
  const folder = t.testdir();
  const logFolder = path.join(folder, 'logs');
  mkdirSync(logFolder);
  const [gateway = 0, billing = 0, metering = 0, generation = 0, stripe = 0] = await chooseServicePorts(5);
  const variables = loadConfig(configSchema, {
    PORT: String(gateway),
    BILLING_PORT: String(billing),
    USAGE_METERING_PORT: String(metering),
    GENERATION_PORT: String(generation),
    STRIPE_SIMULATOR_PORT: String(stripe),
  });
  const secrets = readOrCreateSecrets(path.join(folder, 'secrets.json'));
  const payments = choosePayments({}, { variables, secrets, folder });
  const clockFile = path.join(folder, 'clock.json');
  await bootstrap({
    databaseUrl: database.url,
    cataloguePath: cataloguePathOf('default'),
    pricesPath: defaultPricesPath,
    log: () => undefined,
  });
  const { PATH, HOME } = processEnv();
  const programs = definePrograms({
    env: { PATH, HOME, EVENT_LOOP_DELAY_LIMIT: '0ms' },
    variables,
    secrets,
    providers: chooseProviders({}, ''),
    payments,
    databaseUrl: database.url,
    databaseUrlOf: database.serviceUrl,
    logFolder,
    clockFile,
  });
  const running = programs
    .filter(({ name }) => PROGRAMS.includes(name))
    .map((program) => supervise(t, program));
  await Promise.all(running.map(({ ready }) => ready));
  await publishToSimulator(payments, database.url);
  const url = `http://127.0.0.1:${gateway}`;
  const call = (route: string, token: string | null, body?: unknown): Promise<Answer> =>
    request(`${url}${route}`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body }),
    });

  return {
    url,
    webhookSecret: secrets.stripeWebhookSecret,
    pool: database.pool,
    stripeUrl: payments.url,
    /** Ends a process at once; it is started again. */
    kill(name: string): void {
      const pid = running.find((one) => one.name === name)?.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
    call,
    advance: (ms: number) =>
      advanceClock(ms, { file: clockFile, pool: database.pool, stripeUrl: payments.url }),
    /** A new user with an account on the default plan. */
    async register(email: string) {
      const { status, body } = await call('/api/auth/register', null, {
        email,
        password: PASSWORD,
        name: 'Ada',
      });
      if (status !== 201) throw new Error(JSON.stringify(body));
      return signedIn(email, body.access_token);
    },
    signedIn,
  };

  /** A user. Tokens expire as the clock advances. */
  function signedIn(email: string, firstToken: string) {
    const login = { email, password: PASSWORD };
    let token = firstToken;
    const asUser = async (route: string, sent?: unknown) => {
      const answer = await call(route, token, sent);
      if (answer.status !== 401) return answer;
      token = (await call('/api/auth/login', null, login)).body.access_token;
      return call(route, token, sent);
    };
    return {
      call: asUser,
      current: async () => (await asUser('/api/subscription/current')).body.data,
    };
  }
}
