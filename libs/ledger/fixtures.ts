/** Requests and segments for tests of the ledger and of what stands on it. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '#libs/service/runtime.ts';
import { createLedger, type LedgerOptions } from './ledger.ts';
import type { CallFacts, HoldRequest, LimitSegment, Meters, SettleRequest } from './types.ts';

export const testSegment = (segment: Partial<LimitSegment> & { meter: string; n?: bigint }): LimitSegment => {
  const { n, ...rest } = segment;
  return {
    scope: 'account',
    scopeId: '',
    window: 'month',
    validFrom: null,
    validUntil: null,
    amount: n === undefined ? { kind: 'unlimited' } : { kind: 'n', n },
    thresholdBps: [8000, 9000, 9500, 10_000],
    blocks: segment.meter === 'cost' || segment.meter.startsWith('tokens.'),
    onLimit: 'deny',
    source: 'test',
    ...rest,
  };
};

export const testHold = (
  accountId: string,
  id: string,
  meters: Meters,
  rest?: Partial<HoldRequest>,
): HoldRequest => ({
  id,
  accountId,
  userId: null,
  keyId: null,
  workspaceId: null,
  ttlMs: 60_000,
  meters,
  targets: ['openai', 'openai/gpt-4o-mini'],
  detail: '{}',
  keepRefusal: true,
  ...rest,
});

export const testFacts = (facts?: Partial<CallFacts>): CallFacts => ({
  step: 'chat',
  provider: 'openai',
  model: 'gpt-4o-mini',
  endpoint: '/v1/chat/completions',
  status: 'ok',
  errorCode: null,
  usageSource: 'provider',
  inputTokens: 10,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  outputTokens: 20,
  reasoningTokens: undefined,
  otherUnits: {},
  inputCostNanoUsd: 0n,
  outputCostNanoUsd: 0n,
  priceVersion: 'openai/gpt-4o-mini@2024-07-18T00:00:00.000Z',
  latencyMs: 12,
  firstByteMs: null,
  attempts: 1,
  requestBytes: 100,
  responseBytes: 200,
  providerRequestId: null,
  ...facts,
});

export const testSettle = (
  accountId: string,
  holdId: string,
  meters: Meters,
  rest?: Partial<Omit<SettleRequest, 'facts'>> & { facts?: Partial<CallFacts> },
): SettleRequest => ({
  holdId,
  accountId,
  callIndex: 0,
  close: true,
  meters,
  ...rest,
  facts: testFacts({ outputCostNanoUsd: meters.cost ?? 0n, ...rest?.facts }),
});

/** `[used, held]` of each current counter, by `meter/window` and, but for the account's own, `/scope:id`. */
export type TestUsage = Record<string, [bigint, bigint]>;

/** A ledger under a clock of the test's, and what tests of it look at. */
export function createTestLedger(
  pool: Pool,
  clock: Clock,
  options: Omit<LedgerOptions, 'pool' | 'now'> = {},
) {
  const ledger = createLedger({ pool, now: () => clock.now(), ...options });

  async function setLimits(
    accountId: string,
    segments: readonly LimitSegment[],
    anchor = '2026-01-31T00:00:00Z',
  ) {
    await ledger.setLimits({ accountId, anchor: new Date(anchor), periodMonths: 1, segments });
  }

  return {
    ledger,
    setLimits,
    /** A new account with these limits. */
    async open(segments: readonly LimitSegment[]): Promise<string> {
      const accountId = randomUUID();
      await setLimits(accountId, segments);
      return accountId;
    },
    async usageOf(accountId: string): Promise<TestUsage> {
      const { rows } = await pool.query<{ name: string; used: bigint; held: bigint }>(
        `SELECT meter || '/' || win || CASE WHEN scope = 'account' THEN '' ELSE '/' || scope || ':' || scope_id END AS name,
                used, held
           FROM ledger_counters WHERE account_id = $1 AND window_end > $2 ORDER BY id`,
        [accountId, clock.now()],
      );
      return Object.fromEntries(rows.map(({ name, used, held }) => [name, [used, held]]));
    },
    /** Threshold events in the order they happened: meter, line, state and what was used. */
    async events(accountId: string): Promise<[string, number, string, bigint][]> {
      const { rows } = await pool.query<{
        meter: string;
        threshold_bps: number;
        state: string;
        used: bigint;
      }>(
        `SELECT c.meter, e.threshold_bps, e.state, e.used FROM threshold_events e
           JOIN ledger_counters c ON c.shard = e.shard AND c.id = e.counter_id
          WHERE e.account_id = $1 ORDER BY e.id`,
        [accountId],
      );
      return rows.map((row) => [row.meter, row.threshold_bps, row.state, row.used]);
    },
  };
}
