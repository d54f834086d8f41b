import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { configSchema } from '#deploy/local/config.ts';

import { definePrograms, type LocalProgram } from '#deploy/local/programs.ts';
import { chooseProviders } from '#deploy/local/providers.ts';
import type { Secrets } from '#deploy/local/secrets.ts';
import { scriptPath } from '#deploy/local/supervisor.ts';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { isPortFree } from '#libs/embedded/ports.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { DEMO_STAFF_EMAIL } from '#services/gateway/accounts/demo-account.ts';
import { answers, benchPath, type Child, FOLDER, freePort, startChild } from '../children.ts';
import { withDatabase } from './database.ts';
import type { Target } from './target.ts';

const FIRST_PORT = 28_080;
const LAST_PORT = 29_000;
const PORTS_PER_SYSTEM = 20;
const OPERATIONS_PORT_OFFSET = 1_000;

/** An account with an API key. */
export type Account = { id: string; userId: string; authorization: string };

/** The system of `npm start`, with the benchmark's provider and a separate database. */
export type System = {
  databaseUrl: string;
  gateway: string;
  /** Signs deliveries of Stripe. */
  webhookSecret: string;
  /** The root of every process, PostgreSQL included. */
  pid: number;
  /** The metrics URL of a service of `npm start`. */
  metricsUrl: (service: 'gateway' | 'generation' | 'billing' | 'usage-metering') => string;
  /** Signs an account up and gives each of its limits another amount, in the limit's own unit. */
  openAccount: (limitAmount: bigint) => Promise<Account>;
  /** Puts an account on a plan, as staff do. Its limits are then those of the plan. */
  assignPlan: (accountId: string, plan: string) => Promise<void>;
  /** Starts one more process of a service, on the same database. */
  startReplica: (
    service: 'gateway' | 'generation',
    options?: { script?: string; env?: Record<string, string>; nodeFlags?: readonly string[] },
  ) => Promise<Replica>;
  stop: () => Promise<void>;
};

export type Replica = { address: string; pid: number; metricsUrl: string; stop: () => Promise<void> };

export type SystemOptions = {
  upstreamPort: number;
  /** Names its data, so that two systems can run at the same time. */
  name?: string;
  env?: Record<string, string>;
  /** For every process of the system, through NODE_OPTIONS. */
  nodeOptions?: string;
};

/** Every run starts with an empty database and removes it. */
async function wipe(folder: string): Promise<void> {
  const { dataFolder } = await preparePostgres(path.join(folder, 'postgres'));
  for (const place of [folder, dataFolder]) rmSync(place, { recursive: true, force: true });
}

const PORT_OFFSETS = [0, 1, 2, 3, 10, 11].flatMap((offset) => [offset, offset + OPERATIONS_PORT_OFFSET]);

/** So that no other system is mistaken for the one just started. */
async function chooseBasePort(): Promise<number> {
  for (let port = FIRST_PORT; port < LAST_PORT; port += PORTS_PER_SYSTEM) {
    const free = await Promise.all(PORT_OFFSETS.map((offset) => isPortFree(port + offset)));
    if (free.every(Boolean)) return port;
  }
  throw new Error(`No free ports from ${FIRST_PORT} on`);
}

/** @throws Error with the end of its log when the system does not start. */
export async function startSystem({
  upstreamPort,
  name = 'system',
  env: extra = {},
  nodeOptions = '',
}: SystemOptions): Promise<System> {
  const port = await chooseBasePort();
  const folder = path.join(FOLDER, name);
  await wipe(folder);
  const postgresPort = await freePort();
  const own: Record<string, string> = {
    DATA_FOLDER: folder,
    POSTGRES_PORT: String(postgresPort),
    SIMULATOR_PORT: String(port + 10),
    STRIPE_SIMULATOR_PORT: String(port + 11),
    // As with Stripe itself: its simulator has no limit.
    STRIPE_REQUESTS_PER_SECOND: '80',
    PORT: String(port),
    BILLING_PORT: String(port + 1),
    USAGE_METERING_PORT: String(port + 2),
    GENERATION_PORT: String(port + 3),
    OPENAI_API_KEY: 'sk-bench',
    OPENAI_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
    // one client sends all requests
    RATE_LIMIT_PER_CALLER: '0',
    ...(nodeOptions === '' ? {} : { NODE_OPTIONS: nodeOptions }),
    ...extra,
  };
  const operationsUrl = (own: number, route: string) =>
    `http://127.0.0.1:${own + OPERATIONS_PORT_OFFSET}${route}`;
  const ports = { gateway: port, billing: port + 1, 'usage-metering': port + 2, generation: port + 3 };
  const isReady = (own: number) => answers(operationsUrl(own, '/ready'), (status) => status === 200);
  const child = await startChild({
    name,
    script: scriptPath('deploy/local/start.ts'),
    env: own,
    isReady: async () => (await Promise.all(Object.values(ports).map(isReady))).every(Boolean),
  });

  const env = { ...processEnv(), ...own };
  const secrets = JSON.parse(readFileSync(path.join(folder, 'secrets.json'), 'utf8')) as Secrets;
  const databaseUrl = `postgres://postgres:${encodeURIComponent(secrets.postgresPassword)}@127.0.0.1:${postgresPort}/inkmeter`;
  const programs = definePrograms({
    env,
    variables: loadConfig(configSchema, env),
    secrets,
    providers: chooseProviders(env, `http://127.0.0.1:${port + 10}`),
    databaseUrl,
    logFolder: folder,
  });
  const gateway = `127.0.0.1:${port}`;
  const replicas: Child[] = [];

  return {
    databaseUrl,
    gateway,
    webhookSecret: secrets.stripeWebhookSecret,
    pid: child.pid,
    metricsUrl: (service) => operationsUrl(ports[service], '/metrics'),
    openAccount: (limitAmount) => openAccount(gateway, databaseUrl, limitAmount),
    async assignPlan(accountId, plan) {
      const login = { email: DEMO_STAFF_EMAIL, password: secrets.demoStaffPassword };
      const { access_token } = await post(gateway, '/api/auth/login', login);
      const body = { account_id: accountId, plan, reason: 'Benchmark' };
      await post(gateway, '/api/plans/assign', body, { authorization: `Bearer ${access_token}` });
    },
    async startReplica(service, { script, env: replicaEnv = {}, nodeFlags = [] } = {}) {
      const program = programs.find((one) => one.name === service) as LocalProgram;
      const [replicaPort, operationsPort] = [await freePort(), await freePort()];
      const replica = await startChild({
        name: `${service}-${replicaPort}`,
        script: script ?? program.script,
        nodeFlags,
        env: {
          ...(program.env as Record<string, string>),
          PORT: String(replicaPort),
          OPERATIONS_PORT: String(operationsPort),
          ...replicaEnv,
        },
        isReady: () => answers(`http://127.0.0.1:${operationsPort}/ready`, (status) => status === 200),
      });
      replicas.push(replica);
      return {
        address: `127.0.0.1:${replicaPort}`,
        pid: replica.pid,
        metricsUrl: `http://127.0.0.1:${operationsPort}/metrics`,
        stop: replica.stop,
      };
    },
    async stop() {
      await Promise.all(replicas.map((replica) => replica.stop()));
      await child.stop();
      await wipe(folder);
    },
  };
}

const OVERLOADED_RETRIES = 20;
const OVERLOADED_PAUSE_MS = 1_000;
let accounts = 0;

async function post(
  gateway: string,
  route: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const send = () =>
    fetch(`http://${gateway}${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  let response = await send();
  // A service that has just started on a busy machine takes itself for overloaded.
  for (let retries = 0; response.status === 503 && retries < OVERLOADED_RETRIES; retries += 1) {
    await delay(OVERLOADED_PAUSE_MS);
    response = await send();
  }
  if (!response.ok) throw new Error(`${route} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** As a client would, except for the amounts: no plan on sale has limits as large, or as small, as a benchmark needs. */
async function openAccount(gateway: string, databaseUrl: string, limitAmount: bigint): Promise<Account> {
  accounts += 1;
  const email = `bench-${process.pid}-${Date.now()}-${accounts}@example.com`;
  const { access_token } = await post(gateway, '/api/auth/register', {
    email,
    password: 'a benchmark needs no secret',
  });
  const bearer = { authorization: `Bearer ${access_token}` };
  const identity = await fetch(`http://${gateway}/api/me`, { headers: bearer });
  const { user } = (await identity.json()) as { user: { id: string } };
  const { key } = await post(gateway, '/api/api-keys', { name: 'bench' }, bearer);
  const authorization = `Bearer ${key}`;
  const me = await fetch(`http://${gateway}/api/me`, { headers: { authorization } });
  const { account } = (await me.json()) as { account: { id: string } };
  // Balances are opened when they are first needed.
  const usage = await fetch(`http://${gateway}/api/subscription/usage`, { headers: { authorization } });
  if (!usage.ok) throw new Error(`The usage of a new account: ${usage.status} ${await usage.text()}`);
  await setLimits(databaseUrl, account.id, limitAmount);
  return { id: account.id, userId: user.id, authorization };
}

/** Those of the default catalogue's plans that a chat touches. */
const LIMITS = [
  { meter: 'cost', window: 'period', blocks: true },
  { meter: 'tokens.total', window: 'day', blocks: true },
  { meter: 'tokens.total', window: 'period', blocks: true },
  { meter: 'api.requests', window: 'day', blocks: false },
] as const;

/** Gives each limit of an account this amount. Billing replaces it when the account's plan or the catalogue changes. */
export function setLimits(databaseUrl: string, accountId: string, n: bigint): Promise<void> {
  return withDatabase(databaseUrl, (pool) =>
    createLedger({ pool }).setLimits({
      accountId,
      anchor: new Date(),
      periodMonths: 1,
      segments: LIMITS.map((limit) => ({
        ...limit,
        scope: 'account',
        scopeId: '',
        validFrom: null,
        validUntil: null,
        amount: { kind: 'n', n },
        thresholdBps: [8_000, 9_000, 9_500, 10_000],
        onLimit: 'deny',
        source: 'bench',
      })),
    }),
  );
}

/** More than any benchmark spends, but a real limit: every counter is checked and updated. */
export const ROOMY = 1_000_000_000_000_000_000n;

/** The system with its default settings: exact and durable. */
export function meteredTarget(system: System, account: Account): Target {
  return {
    name: 'Inkmeter metered',
    addresses: [system.gateway],
    path: '/v1/chat/completions',
    headers: { authorization: account.authorization },
    processes: [system.pid],
    // the system continues to run after its part of a comparison
    stop: async () => undefined,
  };
}

/** The same with a second gateway and a second generation process, which share the load with the first. */
export async function startSecondPair(system: System, account: Account): Promise<Target> {
  const generation = await system.startReplica('generation');
  const gateway = await system.startReplica('gateway', {
    env: { GENERATION_URLS: `http://${generation.address}` },
  });
  return {
    ...meteredTarget(system, account),
    name: 'Inkmeter metered, 2 + 2 processes',
    addresses: [system.gateway, gateway.address],
    processes: [system.pid, gateway.pid, generation.pid],
    stop: async () => {
      await gateway.stop();
      await generation.stop();
    },
  };
}

/** Gateway and generation without metering, next to the system whose accounts they use. */
export async function startHookOff(system: System, account: Account): Promise<Target> {
  const generation = await system.startReplica('generation', {
    script: benchPath('targets/bare-generation.ts'),
  });
  const gateway = await system.startReplica('gateway', {
    script: benchPath('targets/bare-gateway.ts'),
    env: { GENERATION_URLS: `http://${generation.address}` },
  });
  return {
    ...meteredTarget(system, account),
    name: 'Inkmeter bare',
    addresses: [gateway.address],
    stop: async () => {
      await gateway.stop();
      await generation.stop();
    },
    processes: [gateway.pid, generation.pid],
  };
}
