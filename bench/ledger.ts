/**
 * The ledger alone: how many holds and settles a second, on a durable cluster, in one process.
 *
 *     node bench/ledger.ts [--quick]
 *
 * A cycle is one hold and one settle that closes it, each answered after its own commit has reached the disk. Every
 * account has four limits, all of which every cycle touches. The table also shows the same rows written without any decision.
 */
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Pool } from 'pg';
import { migrate } from '#libs/db/migrate.ts';
import { createPool } from '#libs/db/pool.ts';
import { ensureDatabase, startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { CHAT_PLAN } from './chat-plan.ts';
import { FOLDER } from './children.ts';
import { createLeanLedger, type LeanLedger, leanConnection } from './lean-ledger.ts';
import { cpuUsByProgram } from './processes.ts';
import { ms, table, whole } from './report.ts';

const DATABASE = 'ledger';
const LIMITS = [
  testSegment({ meter: 'cost', n: 10n ** 15n }),
  testSegment({ meter: 'tokens.total', n: 10n ** 12n, window: 'day' }),
  testSegment({ meter: 'calls.openai', n: 10n ** 9n, window: 'period' }),
  testSegment({ meter: 'api.requests', n: 10n ** 9n }),
];
const ASKED = { cost: 5_000n, 'tokens.total': 100n, 'calls.openai': 1n, 'api.requests': 1n };
const CAME_TO = { ...ASKED, cost: 4_900n, 'tokens.total': 50n };
/** The plan that the gateway records. */
const DETAIL = JSON.stringify(CHAT_PLAN);

/** One hold and the settlement that closes it. */
type Cycle = (account: string) => Promise<void>;

type Measurement = {
  what: string;
  accounts: number;
  callers: number;
  cyclesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  postgresCpuUs: number;
  nodeCpuUs: number;
};

async function openAccounts(ledger: Ledger, count: number): Promise<string[]> {
  const accounts = Array.from({ length: count }, () => randomUUIDv7());
  for (const accountId of accounts) {
    await ledger.setLimits({
      accountId,
      anchor: new Date('2026-01-31T00:00:00Z'),
      periodMonths: 1,
      segments: LIMITS,
    });
  }
  return accounts;
}

const cycleOf =
  (ledger: Ledger): Cycle =>
  async (account) => {
    const id = randomUUIDv7();
    const { verdict } = await ledger.hold(testHold(account, id, ASKED, { detail: DETAIL }));
    if (verdict !== 'ok') throw new Error(`A hold was refused: ${verdict}`);
    const { outcome } = await ledger.settle(testSettle(account, id, CAME_TO));
    if (outcome !== 'settled') throw new Error(`A call was not settled: ${outcome}`);
  };

const leanCycleOf =
  (lean: LeanLedger): Cycle =>
  async (account) =>
    lean.settle(account, await lean.hold(account));

/** Callers that start the next cycle after the response to the last. @returns the latencies, in milliseconds. */
async function drive(cycle: Cycle, accounts: readonly string[], callers: number, durationMs: number) {
  const latencies: number[] = [];
  const end = performance.now() + durationMs;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let start = performance.now(); start < end; start = performance.now()) {
        await cycle(accounts[Math.floor(Math.random() * accounts.length)] as string);
        latencies.push(performance.now() - start);
      }
    }),
  );
  return latencies;
}

async function measure(
  what: string,
  cycle: Cycle,
  postgresPid: number,
  accounts: readonly string[],
  callers: number,
  durationMs: number,
): Promise<Measurement> {
  await drive(cycle, accounts, callers, durationMs / 4);
  const postgresBefore = cpuUsByProgram([postgresPid]).postgres ?? 0;
  const nodeBefore = process.cpuUsage();
  const start = performance.now();
  const latencies = (await drive(cycle, accounts, callers, durationMs)).sort((one, other) => one - other);
  const seconds = (performance.now() - start) / 1_000;
  const node = process.cpuUsage(nodeBefore);
  const postgres = (cpuUsByProgram([postgresPid]).postgres ?? 0) - postgresBefore;
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    what,
    accounts: accounts.length,
    callers,
    cyclesPerSecond: latencies.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    postgresCpuUs: postgres / latencies.length,
    nodeCpuUs: (node.user + node.system) / latencies.length,
  };
}

/** Every unit that the cycles moved is in the counters and in the usage rows, or the figures mean nothing. */
async function assertBalances(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ settled: bigint; used: bigint; held: bigint }>(
    `SELECT (SELECT coalesce(sum(cost_nano_usd), 0)::bigint FROM usage_events) AS settled,
            sum(used)::bigint AS used, sum(held)::bigint AS held FROM ledger_counters WHERE meter = 'cost'`,
  );
  const [row] = rows;
  if (row === undefined || row.settled !== row.used || row.held !== 0n)
    throw new Error(
      `The balances do not add up: ${row?.settled} settled, ${row?.used} used, ${row?.held} held`,
    );
}

/** Runs the benchmark in a separate cluster. @returns a Markdown table. */
export async function measureLedger({ quick }: { quick: boolean }): Promise<string> {
  const server = await startEmbeddedPostgres({
    dataFolder: path.join(FOLDER, 'ledger-postgres'),
    fresh: true,
    password: randomBytes(18).toString('base64url'),
    port: 0,
  });
  try {
    await ensureDatabase(server.url(), DATABASE);
    await migrate({ connectionString: server.url(DATABASE) });
    const poolOf = (connectionString: string, max: number) =>
      createPool({
        connectionString,
        max,
        applicationName: 'bench-ledger',
        statementTimeoutMs: 60_000,
      });
    const pool = poolOf(server.url(DATABASE), 8);
    try {
      const ledger = createLedger({ pool });
      const rows: Measurement[] = [];
      for (const count of [1, 1_000]) {
        const accounts = await openAccounts(ledger, count);
        const measureAll = async (what: string, cycle: Cycle) => {
          for (const callers of quick ? [1, 64] : [1, 16, 64, 512])
            rows.push(await measure(what, cycle, server.pid, accounts, callers, quick ? 700 : 4_000));
        };
        await measureAll('the ledger', cycleOf(ledger));
        // its statements are planned once, with the statistics of that moment
        await pool.query('ANALYZE ledger_balances, ledger_decisions, ledger_open_holds');
        const leanPool = poolOf(leanConnection(server.url(DATABASE)), 2);
        await measureAll('its rows alone', leanCycleOf(createLeanLedger(leanPool)));
        await leanPool.end();
      }
      await assertBalances(pool);
      return report(rows);
    } finally {
      await pool.end();
    }
  } finally {
    await server.stop();
  }
}

function report(rows: readonly Measurement[]): string {
  const header = [
    '',
    'accounts',
    'callers',
    'cycles/s',
    'p50 ms',
    'p99 ms',
    'PostgreSQL CPU µs/cycle',
    'Node CPU µs/cycle',
  ];
  return table(
    header,
    rows.map((row) => [
      row.what,
      whole(row.accounts),
      whole(row.callers),
      whole(row.cyclesPerSecond),
      ms(row.p50Ms),
      ms(row.p99Ms),
      whole(row.postgresCpuUs),
      whole(row.nodeCpuUs),
    ]),
  );
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
  console.log(await measureLedger({ quick: values.quick ?? false }));
}
