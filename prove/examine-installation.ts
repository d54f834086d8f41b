/** Adds up the usage rows and open holds of any installation, and compares them with every balance of its ledger. */
import type { Pool } from 'pg';
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

/** `used` is the sum of the usage rows in the scope and the window; `held` that of the open holds. */
export function compareBalances(state: LedgerState): string[] {
  const rowsOf = Map.groupBy(state.rows, ({ accountId }) => accountId);
  const openHoldsOf = Map.groupBy(
    state.holds.filter((hold) => hold.state === 'open'),
    ({ accountId }) => accountId,
  );
  return state.counters.flatMap((counter) => {
    const { accountId, scope, scopeId, meter } = counter;
    const isCounted = (one: { userId: string | null; keyId: string | null; workspaceId: string | null }) =>
      scope === 'account' ||
      { user: one.userId, key: one.keyId, workspace: one.workspaceId }[scope] === scopeId;
    const isInWindow = (timeUs: bigint) =>
      Number(timeUs) >= counter.startMs * 1_000 && Number(timeUs) < counter.endMs * 1_000;
    const used = (rowsOf.get(accountId) ?? [])
      .filter((row) => isCounted(row) && isInWindow(row.admittedUs))
      .reduce((sum, { amounts }) => sum + (amounts.get(meter) ?? 0n), 0n);
    const held = (openHoldsOf.get(accountId) ?? [])
      .filter((hold) => isCounted(hold) && isInWindow(hold.createdUs))
      .reduce((sum, { asked, remaining }) => sum + (remaining[[...asked.keys()].indexOf(meter)] ?? 0n), 0n);
    const label = `${meter} a ${counter.window} of ${scope} ${scopeId || accountId}`;
    return [
      ...(counter.used === used ? [] : [`${label}: used ${counter.used}, usage rows ${used}`]),
      ...(counter.held === held ? [] : [`${label}: held ${counter.held}, open holds ${held}`]),
    ];
  });
}
