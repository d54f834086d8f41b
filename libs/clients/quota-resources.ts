/** Resources that a plan limits in number (seats, workspaces, files): what exists is exactly what the ledger counts. */
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Ledger, LedgerConnection } from '#libs/ledger/ledger.ts';
import { countingFacts, type Owner, recordWithin, settleWithin } from '#libs/ledger/quota-resources.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import type { ProblemFields } from '#libs/problems/problems.ts';
import { meteringUnavailable, refusal } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { AccountEntitlements } from './account-entitlements.ts';

export type AllocationRequest = {
  /** Identifies the decision; the request's id, so that it can be explained later. */
  holdId: string;
  owner: Owner;
  meter: string;
  /** 1 unless given. */
  count?: number;
  /** Further fields of a refusal. */
  refusalFields?: ProblemFields;
};

/**
 * Room held for resources that do not exist yet. Declare it with `await using`: a scope that ends without `settle`
 * frees the room.
 */
export type Allocation = AsyncDisposable & {
  /**
   * Counts the resources in the transaction that inserts them. Call it last: it locks the account's counters, and room
   * that is settled in a transaction that fails to commit stays held until the hold expires.
   *
   * @throws ProblemError `metering_unavailable` when the hold has expired meanwhile.
   */
  settle: (tx: LedgerConnection) => Promise<void>;
};

export type QuotaResources = {
  /** @throws ProblemError naming the limit that refused, or `metering_unavailable`. */
  allocate: (request: AllocationRequest) => Promise<Allocation>;
  /**
   * Stops counting resources, in the transaction that deletes them.
   *
   * @param counted.count 1 unless given.
   * @param counted.under the hold it was counted under, to correct that day and week instead of the current ones.
   */
  release: (
    tx: LedgerConnection,
    counted: { owner: Owner; meter: string; count?: number; under?: string },
  ) => Promise<void>;
};

/** Preparing a resource takes seconds at most. Once the hold has expired, its room may belong to another request. */
const HOLD_TTL_MS = 60_000;

export function ownerOf({ accountId, userId, keyId, workspaceId }: Owner | Caller): Owner {
  return { accountId, userId, keyId, workspaceId };
}

export function createQuotaResources(options: {
  ledger: Pick<Ledger, 'hold' | 'close'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'suggestPlans'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
}): QuotaResources {
  const { ledger, entitlements } = options;
  const { clock, newId } = options.runtime;

  async function hold({ holdId, owner, meter, count = 1 }: AllocationRequest): Promise<HoldAnswer> {
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

  async function holdOrRefuse(request: AllocationRequest): Promise<void> {
    // Reading the entitlements also opens the ledger balances of a new account.
    const entitled = await entitlements.get(request.owner.accountId);
    const answer = await hold(request);
    if (answer.verdict === 'ok') return;
    throw refusal(answer, {
      now: clock.now(),
      plan: entitled.plan.key,
      suggestions:
        answer.limit === null ? undefined : await entitlements.suggestPlans(entitled, answer.limit),
      ...(request.refusalFields && { fields: request.refusalFields }),
    });
  }

  return {
    async allocate(request) {
      await holdOrRefuse(request);
      const { holdId, meter, count = 1 } = request;
      const { accountId } = request.owner;
      let isSettled = false;
      return {
        async settle(tx) {
          const settled = await settleWithin(tx, null, {
            holdId,
            accountId,
            callIndex: 0,
            meters: { [meter]: BigInt(count) },
            facts: countingFacts(meter, 'create'),
            close: true,
          });
          if (settled.outcome !== 'settled' || settled.late) {
            throw meteringUnavailable(new Error(`the allocation was settled late: ${settled.outcome}`));
          }
          isSettled = true;
        },
        async [Symbol.asyncDispose]() {
          // When this fails too, the hold expires by itself.
          if (!isSettled) await ledger.close({ holdId, accountId }).catch(() => undefined);
        },
      };
    },

    release: (tx, { count = 1, ...counted }) =>
      recordWithin(tx, null, { ...counted, id: newId(), amount: BigInt(-count), step: 'delete' }),
  };
}
