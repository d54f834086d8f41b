/** Accounts for the proof, created through the public API. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { createDatabase } from '#libs/db/database.ts';
import { setLimits as setLedgerLimits } from '#libs/ledger/ledger.ts';
import type { LimitSegment, Scope, Window } from '#libs/ledger/types.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { ensureStaffUser } from '#services/gateway/accounts/demo-account.ts';
import type { GatewayClient } from './calls.ts';
import { type ProofMeter, WORST_CASE } from './installation.ts';

export type TestUser = { userId: string; token: string };
export type ApiKey = { id: string; text: string };

export type ProofAccount = {
  id: string;
  owner: TestUser;
  key: ApiKey;
};

const ANCHOR = new Date('2026-01-01T00:00:00Z');
const PASSWORD = 'correct horse battery staple';

async function register(client: GatewayClient): Promise<TestUser & { accountId: string }> {
  const email = `${randomUUID()}@example.com`;
  const { access_token: token } = await client.send<{ access_token: string }>(
    'POST',
    '/api/auth/register',
    null,
    {
      email,
      password: PASSWORD,
    },
  );
  const me = await client.send<{ user: { id: string }; account: { id: string } }>('GET', '/api/me', token);
  return { userId: me.user.id, accountId: me.account.id, token };
}

/** Balances opened on the default plan. */
export async function createAccount(client: GatewayClient): Promise<ProofAccount> {
  const { accountId: id, ...owner } = await register(client);
  await client.send('GET', '/api/subscription/current', owner.token);
  return { id, owner, key: await createKey(client, owner) };
}

/** A few at a time: hashing passwords is slow on purpose. */
const CREATED_AT_ONCE = 8;

export async function createAccounts(
  clients: readonly GatewayClient[],
  count: number,
): Promise<ProofAccount[]> {
  const accounts: ProofAccount[] = [];
  while (accounts.length < count) {
    const group = Array.from({ length: Math.min(CREATED_AT_ONCE, count - accounts.length) }, (_, index) =>
      createAccount(clients[index % clients.length] as GatewayClient),
    );
    accounts.push(...(await Promise.all(group)));
  }
  return accounts;
}

/** @param calls the key's own daily limit in worst cases; no limit if absent. */
export async function createKey(client: GatewayClient, { token }: TestUser, calls?: number): Promise<ApiKey> {
  const amount = { kind: 'limited', value: String(calls) };
  const { id, key } = await client.send<{ id: string; key: string }>('POST', '/api/api-keys', token, {
    name: 'Proof',
    scopes: ['*'],
    limits: calls === undefined ? [] : [{ meter: 'calls.openai', window: 'day', amount }],
  });
  return { id, text: key };
}

/** Adds a member to an account and signs them in. */
export async function addMember(client: GatewayClient, account: ProofAccount): Promise<TestUser> {
  const email = `${randomUUID()}@example.com`;
  const body = { email, password: PASSWORD, role: 'member' };
  const { user_id: userId } = await client.send<{ user_id: string }>(
    'POST',
    '/api/members',
    account.owner.token,
    body,
  );
  return { userId, token: await signIn(client, email) };
}

/** A staff user. The first of an installation is created in its database. */
export async function createStaff(client: GatewayClient, pool: Pool): Promise<TestUser> {
  const email = `${randomUUID()}@example.com`;
  const staff = { email, password: PASSWORD, platformRole: 'admin' } as const;
  const { userId } = await ensureStaffUser(createDatabase(pool), systemRuntime, staff);
  return { userId, token: await signIn(client, email) };
}

async function signIn(client: GatewayClient, email: string): Promise<string> {
  const body = { email, password: PASSWORD };
  const { access_token } = await client.send<{ access_token: string }>('POST', '/api/auth/login', null, body);
  return access_token;
}

/** The thresholds of the default catalogue, and some that block only near the limit. */
export const DEFAULT_LINES = [8_000, 9_000, 9_500, 10_000] as const;
export const LATE_BLOCK_LINES = [8_000, 9_000, 9_999, 10_000] as const;

export type ProofLimit = {
  meter: ProofMeter;
  amount: bigint;
  window?: Window;
  scope?: Scope;
  scopeId?: string;
  lines?: LimitSegment['thresholdBps'];
  validFrom?: Date;
  validUntil?: Date;
  source?: string;
};

/** A limit worth this many worst cases of the proof's model. */
export const worth = (meter: ProofMeter, calls: number, more: Partial<ProofLimit> = {}): ProofLimit => ({
  meter,
  amount: WORST_CASE[meter] * BigInt(calls),
  ...more,
});

export function toSegment(limit: ProofLimit): LimitSegment {
  return {
    scope: limit.scope ?? 'account',
    scopeId: limit.scopeId ?? '',
    meter: limit.meter,
    window: limit.window ?? 'month',
    validFrom: limit.validFrom ?? null,
    validUntil: limit.validUntil ?? null,
    amount: { kind: 'n', n: limit.amount },
    thresholdBps: limit.lines ?? LATE_BLOCK_LINES,
    // Quota resources stay usable to the last unit.
    blocks: limit.meter === 'cost' || limit.meter.startsWith('tokens.'),
    onLimit: 'deny',
    source: limit.source ?? 'proof',
  };
}

/** Sets limits that no plan has, through the ledger's interface. */
export async function setLimits(
  client: Pick<Pool, 'query'>,
  accountId: string,
  limits: readonly ProofLimit[],
): Promise<void> {
  const segments = limits.map(toSegment);
  await setLedgerLimits({ $client: client }, null, { accountId, anchor: ANCHOR, periodMonths: 1, segments });
}
