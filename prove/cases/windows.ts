/**
 * 6. Clock and windows. Time is injected into the ledger: midnights, ends of months, periods anchored to the 31st, limits
 * and plans that change inside a window, overrides that end while holds are open. The scenarios have a database of their
 * own on the system's server: the real usage-metering service expires holds by the database's clock, and would close
 * windows of injected dates.
 */
import type { Pool } from 'pg';
import { migrate } from '#libs/db/migrate.ts';
import { createPool } from '#libs/db/pool.ts';
import { ensureDatabase } from '#libs/embedded/embedded-postgres.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { type CaseResult, joinResults, type Proof } from '../proof.ts';
import { createScenario, type Scenario } from '../scenario.ts';

const DATABASE = 'inkmeter_windows';

/** The last day of each month of more than a year, with a leap year's February. */
const RENEWALS_FROM_THE_31ST = [
  ...['2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31', '2027-06-30', '2027-07-31', '2027-08-31'],
  ...['2027-09-30', '2027-10-31', '2027-11-30', '2027-12-31', '2028-01-31', '2028-02-29', '2028-03-31'],
];

const DAY_MS = 24 * 60 * 60 * 1_000;
const at = (text: string) => new Date(text);
const add = (date: Date, ms: number) => new Date(date.getTime() + ms);

export async function runWindows(proof: Proof): Promise<CaseResult> {
  const scenarios: [name: string, run: (scenario: Scenario) => Promise<void>][] = [
    ['midnight UTC', midnight],
    ['waiting across a boundary', waitingOverABoundary],
    ['clocks slightly apart', clocksApart],
    ['ends of months', endsOfMonths],
    ['periods from the 31st', periodsFromThe31st],
    ['a limit changed in mid-window', changedLimit],
    ['a plan changed in mid-window', changedPlan],
    ['an override ends under open holds', endingOverride],
  ];
  return withOwnDatabase(proof.system.database.url, async (pool) => {
    const results: CaseResult[] = [];
    for (const [name, run] of scenarios) {
      proof.progress(`windows: ${name}`);
      const scenario = createScenario(pool);
      await run(scenario);
      results.push(await scenario.conclude(`windows: ${name}`));
    }
    const breaches = await findBreaches(pool);
    return joinResults([...results, { rows: [], notes: [], differences: breaches }]);
  });
}

async function withOwnDatabase<Result>(
  systemUrl: string,
  work: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  await ensureDatabase(systemUrl, DATABASE);
  const url = new URL(systemUrl);
  url.pathname = `/${DATABASE}`;
  await migrate({ connectionString: url.href });
  const pool = createPool({
    connectionString: url.href,
    max: 10,
    applicationName: 'inkmeter-prove-windows',
    statementTimeoutMs: 120_000,
  });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** 64 requests on each side of midnight, from two replicas at once, for a limit of ten a day. */
async function midnight(scenario: Scenario): Promise<void> {
  const day = at('2026-11-20T00:00:00Z');
  const next = add(day, DAY_MS);
  await scenario.setLimits(day, { window: 'day', n: 10n });
  const before = await scenario.storm(64, () => add(next, -1), 1n);
  const after = await scenario.storm(64, () => next, 1n);
  scenario.expect('admitted on the day that ends', before.length, 10);
  scenario.expect('admitted on the day that begins', after.length, 10);
  // Yesterday's work settles today, and counts where it was admitted.
  for (const hold of [...before, ...after]) await scenario.settle(hold, 1n, add(next, 60_000));
  await scenario.expectUsed(add(next, -1), 10n);
  await scenario.expectUsed(next, 10n);
  await scenario.expectUsed(add(next, DAY_MS), 0n);
}

/**
 * On the database's clock: a request that began before a boundary and had to wait is decided after it, so that it cannot
 * count in a window that has ended for earlier decisions.
 */
async function waitingOverABoundary(scenario: Scenario): Promise<void> {
  const boundary = await scenario.limitEndsSoon({ n: 10n, later: 3n });
  const admitted = await scenario.stormBehindAChange(20, boundary);
  scenario.expect('admitted under the limit in force at their turn', admitted.length, 3);
  const early = admitted.filter(({ heldAt }) => heldAt < boundary).length;
  scenario.expect('admitted at a time that was over', early, 0);
  for (const hold of admitted) await scenario.settle(hold, 1n, null);
}

/**
 * One replica is past midnight and the other is not: once either has opened the new day, all decisions are in it, and the
 * balances of both days are the sums of their calls.
 */
async function clocksApart(scenario: Scenario): Promise<void> {
  const next = at('2026-11-21T00:00:00Z');
  await scenario.setLimits(add(next, -DAY_MS), { window: 'day', n: 10n });
  const old = await scenario.hold(add(next, -2), 4n);
  const admitted = await scenario.storm(128, (index) => add(next, index % 2 === 0 ? 1 : -1), 1n);
  await scenario.settle(old, 4n, add(next, 500));
  for (const hold of admitted) await scenario.settle(hold, 1n, add(next, 1_000));
  await scenario.expectUsed(next, 10n);
  // A reader with a fast clock opens the next day, and later requests count there.
  const later = add(next, DAY_MS);
  await scenario.expectUsed(later, 0n);
  const behind = await scenario.storm(20, () => add(later, -1), 1n);
  scenario.expect('admitted in the day that a reader has opened', behind.length, 10);
  for (const hold of behind) await scenario.settle(hold, 1n, later);
  await scenario.expectUsed(later, 10n);
}

/** Months of 28, 29, 30 and 31 days, each with its own budget until its last instant. */
async function endsOfMonths(scenario: Scenario): Promise<void> {
  const firsts = [
    '2027-01',
    '2027-02',
    '2027-03',
    '2027-04',
    '2027-05',
    '2028-01',
    '2028-02',
    '2028-03',
    '2028-04',
  ];
  await scenario.setLimits(at('2026-12-31T00:00:00Z'), { window: 'month', n: 5n });
  for (const first of firsts) {
    const start = at(`${first}-01T00:00:00Z`);
    const month = start.getUTCMonth();
    const end = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 1));
    const whole = await scenario.hold(start, 5n);
    await scenario.settle(whole, 5n, add(start, 1_000));
    scenario.expectRefused(
      `a unit more in the last instant of ${first}`,
      await scenario.hold(add(end, -1), 1n),
    );
    await scenario.expectUsed(add(end, -1), 5n);
    await scenario.expectUsed(end, 0n);
  }
}

/** A subscription that began on 31 January renews on the last day of short months and returns to the 31st. */
async function periodsFromThe31st(scenario: Scenario): Promise<void> {
  const anchor = at('2027-01-31T10:00:00Z');
  await scenario.setLimits(anchor, { window: 'period', n: 5n, anchor });
  let left = 5n;
  for (const day of RENEWALS_FROM_THE_31ST) {
    const renewal = at(`${day}T10:00:00Z`);
    await scenario.settle(await scenario.hold(add(renewal, -2), left), left, add(renewal, -1));
    scenario.expectRefused(`a unit more just before ${day}`, await scenario.hold(add(renewal, -1), 1n));
    // The next period begins at the instant of renewal with a full budget.
    await scenario.expectUsed(renewal, 0n);
    await scenario.settle(await scenario.hold(renewal, 1n), 1n, add(renewal, 1));
    await scenario.expectUsed(add(renewal, 14 * DAY_MS), 1n);
    left = 4n;
  }
}

/** Lowered below the used amount, then raised: usage is kept, and open holds stay valid. */
async function changedLimit(scenario: Scenario): Promise<void> {
  const start = at('2027-03-01T00:00:00Z');
  const day = (count: number) => add(start, count * DAY_MS);
  await scenario.setLimits(start, { window: 'month', n: 20n });
  await scenario.settle(await scenario.hold(day(1), 6n), 6n, day(1));
  const open = await scenario.hold(day(2), 4n);
  scenario.mayExceed();
  await scenario.setLimits(day(3), { window: 'month', n: 5n });
  scenario.expectRefused('one unit of a limit lowered below what is used', await scenario.hold(day(3), 1n));
  await scenario.settle(open, 4n, day(4));
  await scenario.expectUsed(day(4), 10n);
  await scenario.setLimits(day(5), { window: 'month', n: 12n });
  scenario.expectRefused('three of the two that are left', await scenario.hold(day(5), 3n));
  await scenario.settle(await scenario.hold(day(5), 2n), 2n, day(5));
  await scenario.expectUsed(day(6), 12n);
}

/** A new subscription starts new periods, which count usage and open holds since then. */
async function changedPlan(scenario: Scenario): Promise<void> {
  const first = at('2027-03-05T00:00:00Z');
  const change = at('2027-03-20T12:00:00Z');
  await scenario.setLimits(first, { window: 'period', n: 10n, anchor: first });
  await scenario.settle(await scenario.hold(add(first, 1_000), 7n), 7n, add(first, 2_000));
  const open = await scenario.hold(add(change, -1_000), 2n);
  await scenario.setLimits(change, { window: 'period', n: 10n, anchor: change });
  await scenario.expectUsed(change, 0n);
  const next = await scenario.hold(add(change, 1_000), 10n);
  scenario.expect('the whole new budget is there', next === null ? 0 : 1, 1);
  await scenario.settle(open, 2n, add(change, 2_000));
  await scenario.settle(next, 9n, add(change, 3_000));
  await scenario.expectUsed(add(change, 4_000), 9n);
  // A new limit inside the period starts with the period's usage.
  await scenario.setLimits(add(change, 5_000), { window: 'month', n: 30n, anchor: change });
  await scenario.expectUsed(add(change, 6_000), 18n);
}

/** A boost ends while more than the limit is held: no new calls, open ones finish, the next window is full. */
async function endingOverride(scenario: Scenario): Promise<void> {
  const day = at('2027-06-10T00:00:00Z');
  const end = add(day, DAY_MS / 2);
  await scenario.setLimits(day, { window: 'day', n: 10n, boost: { n: 10n, until: end } });
  const open = await scenario.storm(25, () => add(end, -1), 1n);
  scenario.expect('admitted while the boost holds', open.length, 20);
  scenario.expectRefused('one unit when it has ended', await scenario.hold(end, 1n));
  scenario.mayExceed();
  for (const hold of open) await scenario.settle(hold, 1n, add(end, 1_000));
  await scenario.expectUsed(add(end, 2_000), 20n);
  scenario.expectRefused('one unit once all have settled', await scenario.hold(add(end, 3_000), 1n));
  const tomorrow = await scenario.storm(25, () => add(day, DAY_MS), 1n);
  scenario.expect('admitted the next day', tomorrow.length, 10);
  for (const hold of tomorrow) await scenario.settle(hold, 1n, add(day, DAY_MS + 1));
}
