/** Adds up the usage rows and open holds of any installation, and compares them with every balance of its ledger. */
import type { Pool } from 'pg';
import { type Counted, checkUsed, countEach, sum } from './compare-limits.ts';
import { type LedgerState, readLedgerState } from './ledger-state.ts';

const ACCOUNTS_PER_READ = 200;

/** Accounts and balances that were compared, and a sentence for each difference. */
export type InstallationExamination = { accounts: number; balances: number; differences: string[] };

/** Reads a database that may be at work: each account is read in one snapshot. */
export async function examineInstallation(pool: Pool): Promise<InstallationExamination> {
  const { rows } = await pool.query<{ account_id: string }>(
    'SELECT DISTINCT account_id FROM ledger_counters ORDER BY account_id',
  );
  const accountIds = rows.map((row) => row.account_id);
  let balances = 0;
  const differences: string[] = [];
  for (let start = 0; start < accountIds.length; start += ACCOUNTS_PER_READ) {
    const state = await readLedgerState(pool, accountIds.slice(start, start + ACCOUNTS_PER_READ));
    balances += state.counters.length;
    differences.push(...compareBalances(state));
  }
  return { accounts: accountIds.length, balances, differences };
}

function compareBalances(state: LedgerState): string[] {
  return countEach(state).flatMap((counted) => [...checkUsed(counted), ...checkHeld(counted)]);
}

/** `held` is what open holds have left. */
function checkHeld({ counter, label, holds }: Counted): string[] {
  const open = holds.filter(({ state }) => state === 'open');
  const held = sum(
    open.map(({ asked, remaining }) => remaining[[...asked.keys()].indexOf(counter.meter)] ?? 0n),
  );
  return counter.held === held ? [] : [`${label}: held ${counter.held}, open holds ${held}`];
}
