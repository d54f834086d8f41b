/** Makes and unmakes the things that limits count, so that exactly as many exist as the books say. */
import type { Pool } from 'pg';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { type Connection, transaction } from '#libs/db/transaction.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { countingFacts, type Owner, recordWithin, settleWithin } from '#libs/ledger/quota-resources.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import type { ProblemFields } from '#libs/problems/problems.ts';
import { meteringUnavailable, refusal } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { AccountEntitlements } from './account-entitlements.ts';

export type Claim = {
  /** Names the decision; the request's id, so that it can be explained later. */
  holdId: string;
  owner: Owner;
  meter: string;
  count?: number;
  /** What a refusal says beside which limit it was. */
  refusalFields?: ProblemFields;
};

/** Makes the things, in a transaction that also counts them. */
export type Commit = <Made>(make: (connection: Connection) => Promise<Made>) => Promise<Made>;

export type QuotaResources = {
  /**
   * Holds room for the things, has `work` check and prepare what it must, and counts them with whatever it commits. When
   * `work` fails, or the process dies at any moment, nothing was made and nothing is counted.
   *
   * @throws ProblemError that says which limit refused, `metering_unavailable`, and what `work` throws.
   */
  allocate: <Made>(claim: Claim, work: (commit: Commit) => Promise<Made>) => Promise<Made>;
  /**
   * Gives one thing back in the transaction that unmakes it.
   * @param counted.under the decision that a post was counted under: it is given back to the day it was counted on, not
   * to today. Without it, one less exists now.
   */
  release: (
    connection: Connection,
    counted: { owner: Owner; meter: string; under?: string },
  ) => Promise<void>;
};

/** Preparing takes seconds at most; past this, the room is free again and nothing can be made in it. */
const HOLD_TTL_MS = 60_000;

export function ownerOf({ accountId, userId, keyId, workspaceId }: Caller): Owner {
  return { accountId, userId, keyId, workspaceId };
}

export function createQuotaResources(options: {
  pool: Pool;
  ledger: Pick<Ledger, 'hold' | 'close'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'suggestPlans'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
}): QuotaResources {
  const { pool, ledger, entitlements } = options;
  const { clock, newId } = options.runtime;

  async function hold({ holdId, owner, meter, count = 1 }: Claim): Promise<HoldAnswer> {
    try {
      return await ledger.hold({
        id: holdId,
        ...owner,
        ttlMs: HOLD_TTL_MS,
        meters: { [meter]: BigInt(count) },
        targets: [],
        detail: JSON.stringify({ kind: meter, calls: [] }),
        keepRefusal: true,
      });
    } catch (error) {
      throw meteringUnavailable(error);
    }
  }

  async function admit(claim: Claim): Promise<void> {
    // Also opens the books of an account that is new.
    const entitled = await entitlements.get(claim.owner.accountId);
    const answer = await hold(claim);
    if (answer.verdict === 'ok') return;
    throw refusal(answer, {
      now: clock.now(),
      plan: entitled.plan.key,
      suggestions:
        answer.limit === null ? undefined : await entitlements.suggestPlans(entitled, answer.limit),
      ...(claim.refusalFields && { fields: claim.refusalFields }),
    });
  }

  return {
    async allocate(claim, work) {
      await admit(claim);
      const { holdId, meter, count = 1 } = claim;
      const { accountId } = claim.owner;
      const commit: Commit = (make) =>
        transaction(pool, async (connection) => {
          const made = await make(connection);
          const settled = await settleWithin(connection, null, {
            holdId,
            accountId,
            callIndex: 0,
            meters: { [meter]: BigInt(count) },
            facts: countingFacts(meter, 'create'),
            close: true,
          });
          // A hold that ran out is nobody's room: somebody else may have been let in instead.
          if (settled.outcome !== 'settled' || settled.late) {
            throw meteringUnavailable(new Error(`counting ended late, as ${settled.outcome}`));
          }
          return made;
        });
      try {
        return await work(commit);
      } catch (error) {
        // Where this fails too, the hold runs out by itself; once counted, there is nothing to release.
        await ledger.close({ holdId, accountId }).catch(() => undefined);
        throw error;
      }
    },

    release: (connection, counted) =>
      recordWithin(connection, null, { ...counted, id: newId(), amount: -1n, step: 'delete' }),
  };
}
