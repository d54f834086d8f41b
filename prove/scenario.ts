/** The ledger with an injected clock, and a witness that records settlements. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { EntitlementInput } from '#libs/catalogue/entitlements.ts';
import { limitTimeline } from '#libs/catalogue/limit-timeline.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger, type SetLimitsInput, setLimits } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import { toSegment } from './accounts.ts';
import { compare } from './compare.ts';
import { readLedgerState } from './ledger-state.ts';
import type { CaseResult } from './proof.ts';
import type { WitnessedCall } from './witness.ts';

export type OpenHold = { id: string; heldAt: Date };

export type LimitPlan = {
  window: 'day' | 'month' | 'period';
  /** In units: one unit is a token and a nano-USD. */
  n: bigint;
  /** Start of the subscription's first period. */
  anchor?: Date;
  /** A temporary boost, as staff grant it. */
  boost?: { n: bigint; until: Date };
};

export type Scenario = {
  /** Applies a plan with one limit, through the functions that billing uses. */
  setLimits: (now: Date, plan: LimitPlan) => Promise<void>;
  /** @returns null if refused. */
  hold: (now: Date, units: bigint) => Promise<OpenHold | null>;
  /** Concurrent holds from two replicas, each at its own time. @returns the admitted ones. */
  storm: (count: number, timeOf: (index: number) => Date, units: bigint) => Promise<OpenHold[]>;
  /** @param now null for the database's own clock. */
  settle: (hold: OpenHold | null, units: bigint, now: Date | null) => Promise<void>;
  /** On the database's clock: a daily limit that changes soon. @returns the time of the change. */
  limitEndsSoon: (limit: { n: bigint; later: bigint }) => Promise<Date>;
  /** Concurrent holds on the database's clock, which wait for a change of the limits to commit. */
  stormBehindAChange: (count: number, until: Date) => Promise<OpenHold[]>;
  /** The account may exceed its limit from now on, because the limit was lowered. */
  mayExceed: () => void;
  expect: (what: string, seen: number, expected: number) => void;
  expectRefused: (what: string, hold: OpenHold | null) => void;
  /** The used amount that the API reports at this time. */
  expectUsed: (now: Date, units: bigint) => Promise<void>;
  conclude: (name: string) => Promise<CaseResult>;
};

/** One nano-USD per token, so that a unit is both. */
const PICO_PER_UNIT = 1_000n;
const PRICES = {
  input: PICO_PER_UNIT,
  audio: PICO_PER_UNIT,
  cacheRead: PICO_PER_UNIT,
  cacheWrite: PICO_PER_UNIT,
  output: PICO_PER_UNIT,
  reasoning: PICO_PER_UNIT,
};

/** Long enough for all requests to have begun. */
const BOUNDARY_IN_MS = 1_500;

async function admittedAt(pool: Pool, id: string): Promise<Date> {
  const { rows } = await pool.query<{ created_at: Date }>(
    'SELECT created_at FROM ledger_holds WHERE id = $1',
    [id],
  );
  return rows[0]?.created_at ?? new Date(0);
}

export function createScenario(pool: Pool): Scenario {
  const accountId = randomUUID();
  const served: WitnessedCall[] = [];
  const differences: string[] = [];
  let limitUnits = 0n;
  let requests = 0;
  let admitted = 0;
  let isLowered = false;
  let limits: Omit<SetLimitsInput, 'accountId'> = { anchor: new Date(0), periodMonths: 1, segments: [] };

  /** A separate replica for each point in time. */
  const replicas = new Map<string, Ledger>();
  const ledgerAt = (now: Date | null, replica = 0): Ledger => {
    const name = `${replica} ${now?.toISOString()}`;
    const ledger = replicas.get(name) ?? createLedger({ pool, now: () => now });
    replicas.set(name, ledger);
    return ledger;
  };

  async function hold(now: Date | null, units: bigint, replica = 0): Promise<OpenHold | null> {
    requests += 1;
    const id = randomUUID();
    const meters = { cost: units, 'tokens.total': units };
    const { verdict } = await ledgerAt(now, replica).hold(testHold(accountId, id, meters));
    if (verdict !== 'ok') return null;
    admitted += 1;
    return { id, heldAt: now ?? (await admittedAt(pool, id)) };
  }

  return {
    async setLimits(now, plan) {
      limitUnits = plan.n;
      await createLedger({ pool, now: () => now }).setLimits({
        accountId,
        anchor: plan.anchor ?? now,
        periodMonths: 1,
        segments: limitTimeline(entitlementInput(accountId, plan, now), now),
      });
    },
    hold,
    async limitEndsSoon({ n, later }) {
      const boundary = new Date(Date.now() + BOUNDARY_IN_MS);
      limitUnits = later;
      const segment = { meter: 'tokens.total', window: 'day' } as const;
      limits = {
        anchor: boundary,
        periodMonths: 1,
        segments: [
          toSegment({ ...segment, amount: n, validUntil: boundary }),
          toSegment({ ...segment, amount: later, validFrom: boundary }),
        ],
      };
      await ledgerAt(null).setLimits({ ...limits, accountId });
      return boundary;
    },
    async stormBehindAChange(count, until) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await setLimits({ $client: client }, null, { ...limits, accountId });
        const holds = Array.from({ length: count }, (_, index) => hold(null, 1n, index % 2));
        await client.query('SELECT pg_sleep_until($1)', [until]);
        await client.query('COMMIT');
        return (await Promise.all(holds)).filter((one) => one !== null);
      } finally {
        client.release();
      }
    },
    async storm(count, timeOf, units) {
      const holds = await Promise.all(
        Array.from({ length: count }, (_, index) => hold(timeOf(index), units, index % 4 < 2 ? 0 : 1)),
      );
      return holds.filter((one) => one !== null);
    },
    async settle(open, units, now) {
      if (open === null) {
        differences.push('a hold that was to be settled had been refused');
        return;
      }
      const tokens = Number(units);
      const settle = testSettle(
        accountId,
        open.id,
        { cost: units, 'tokens.total': units },
        { facts: { inputTokens: tokens, outputTokens: 0, inputCostNanoUsd: units, outputCostNanoUsd: 0n } },
      );
      await ledgerAt(now).settle(settle);
      served.push({
        provider: settle.facts.provider,
        model: settle.facts.model,
        correlation: `${open.id}/0`,
        complete: true,
        status: 200,
        reportsUsage: true,
        usageMode: null,
        tokens: { input: tokens, audio: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 },
      });
    },
    mayExceed() {
      isLowered = true;
    },
    expect(what, seen, expected) {
      if (seen !== expected) differences.push(`${what}: ${seen}, expected ${expected}`);
    },
    expectRefused(what, open) {
      if (open !== null) differences.push(`${what} was admitted`);
    },
    async expectUsed(now, units) {
      const usage = await readLimits({ $client: pool }, now, {
        accountId,
        userId: null,
        keyId: null,
        workspaceId: null,
      });
      const used = usage?.limits.find(({ kind }) => kind === 'n')?.used;
      if (used !== units) differences.push(`at ${now.toISOString()} used is ${used}, expected ${units}`);
    },
    async conclude(name) {
      const found = compare({
        ledgerState: await readLedgerState(pool, [accountId]),
        calls: served,
        answered: new Set(),
        pricesOf: () => PRICES,
        mayExceed: () => isLowered,
      });
      differences.push(...found.differences);
      return {
        rows: [
          {
            case: name,
            requests,
            admitted,
            refused: requests - admitted,
            expected: `${served.length}`,
            limit: `${limitUnits}`,
            used: `${found.usedNanoUsd}`,
            heldAfter: found.heldAfter,
            usageRows: `${found.usedNanoUsd}`,
            isRight: differences.length === 0,
          },
        ],
        notes: [],
        differences: differences.map((difference) => `${name}: ${difference}`),
      };
    },
  };
}

/** A catalogue of one plan with one limit, and the overrides of staff. */
function entitlementInput(accountId: string, { window, n, boost }: LimitPlan, now: Date): EntitlementInput {
  const catalogue = parseCatalogue(`
id: windows
name: Windows
version: "1"
currency: USD
defaultPlan: only
thresholds: { warn: 0.80, notice: 0.90, block: 0.9999, hard: 1.00 }
plans:
  - key: only
    name: Only
    rank: 0
    price: { monthlyMinor: 0 }
    limits: [{ meter: tokens.total, window: ${window}, amount: ${n} }]
`);
  return {
    catalogue,
    catalogueVersion: '00000000-0000-7000-8000-000000000000',
    accountId,
    segments: [],
    seats: null,
    overrides: boost
      ? [
          {
            kind: 'quota_boost',
            id: 'boost',
            meter: 'tokens.total',
            n: boost.n,
            from: now,
            until: boost.until,
          },
        ]
      : [],
    guardRails: [],
    flags: [],
    subscription: { planKey: 'only', status: 'active', trialEndsAt: null, accessEndsAt: null },
  };
}
