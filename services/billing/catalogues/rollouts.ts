/** Passes over the accounts after something changed that many of them stand on. */
import type { RolloutWire } from '#libs/contracts/rollouts.ts';

export const MIGRATIONS = ['now', 'period_end', 'grandfather'] as const;
/** What becomes of subscriptions that exist when a catalogue version is published. */
export type Migration = (typeof MIGRATIONS)[number];

export type Rollout = {
  id: string;
  kind: 'catalogue' | 'guard_rail';
  /** The catalogue version, or the target of the guard rail. */
  subject: string;
  /** Null for a guard rail. */
  migration: Migration | null;
  state: RolloutWire['state'];
  accountsTotal: number;
  accountsDone: number;
  accountsFailed: number;
  /** Accounts up to this one are done. */
  lastAccountId: string | null;
  author: string;
  createdAt: Date;
  finishedAt: Date | null;
};

export type RolloutPorts = {
  /** The next accounts it has to reach, in the order of their ids. */
  nextAccounts: (rollout: Rollout, after: string | null, limit: number) => Promise<string[]>;
  /** Brings one account in line. */
  apply: (rollout: Rollout, accountId: string) => Promise<void>;
  /** Records how far it has got, and renews the lease. @returns false when it is no longer to go on. */
  advance: (id: string, step: { done: number; failed: number; lastAccountId: string }) => Promise<boolean>;
  finish: (id: string) => Promise<void>;
  /** Gives the lease up, for another process to go on. */
  release: (id: string) => Promise<void>;
  onFailure: (rollout: Rollout, accountId: string, error: unknown) => void;
};

const BATCH = 100;
/** Each takes a connection; requests need some too. */
const PARALLEL = 3;

/** Goes on from where the rollout stands, until its end or until `signal` aborts. */
export async function runRollout(rollout: Rollout, ports: RolloutPorts, signal: AbortSignal): Promise<void> {
  let last = rollout.lastAccountId;
  while (!signal.aborted) {
    const accounts = await ports.nextAccounts(rollout, last, BATCH);
    last = accounts.at(-1) ?? null;
    if (last === null) return ports.finish(rollout.id);
    const failed = await applyAll(rollout, accounts, ports);
    const step = { done: accounts.length - failed, failed, lastAccountId: last };
    if (!(await ports.advance(rollout.id, step))) return;
  }
  await ports.release(rollout.id);
}

/** One account that fails does not keep the others waiting. @returns how many failed. */
async function applyAll(
  rollout: Rollout,
  accounts: readonly string[],
  { apply, onFailure }: RolloutPorts,
): Promise<number> {
  let failed = 0;
  const waiting = accounts.values();
  const work = async () => {
    for (const accountId of waiting) {
      try {
        await apply(rollout, accountId);
      } catch (error) {
        failed += 1;
        onFailure(rollout, accountId, error);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return failed;
}

export function presentRollout(rollout: Rollout): RolloutWire {
  return {
    id: rollout.id,
    state: rollout.state,
    accounts_total: rollout.accountsTotal,
    accounts_done: rollout.accountsDone,
    accounts_failed: rollout.accountsFailed,
    author: rollout.author,
    created_at: rollout.createdAt.toISOString(),
    finished_at: rollout.finishedAt?.toISOString() ?? null,
  };
}
