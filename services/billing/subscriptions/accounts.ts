/** What billing knows of an account: its subscription, opened when it is first asked for. */
import { problem } from '#libs/problems/problems.ts';
import {
  type AccountState,
  type Adjustments,
  type CatalogueVersion,
  defaultSubscription,
  type Subscription,
} from './domain.ts';
import { isDue, reconcileSubscription } from './reconcile.ts';
import type { SubscriptionTx } from './subscription-tx.ts';

/** `Transaction` is whatever the store hands to those who decide inside one. */
export type AccountPorts<Transaction> = {
  now: () => Date;
  /** How long an owed period is served before the plan is lost. */
  graceMs: number;
  find: (accountId: string) => Promise<Subscription | undefined>;
  accountExists: (accountId: string) => Promise<boolean>;
  activeCatalogue: (transaction?: Transaction) => Promise<CatalogueVersion | undefined>;
  catalogueVersion: (id: string) => Promise<CatalogueVersion>;
  applySubscription: (change: {
    accountId: string;
    now: Date;
    decide: (current: Subscription | undefined, transaction: Transaction) => Promise<Subscription>;
  }) => Promise<Subscription>;
  /** The books of an account, in a transaction that holds its lock. */
  subscriptionTxOf: (accountId: string, transaction: Transaction) => SubscriptionTx;
  /** What staff decided beside the plan, as it stands now. */
  adjustments: (accountId: string) => Promise<Adjustments>;
};

export type Accounts = {
  /** The catalogue on offer. @throws ProblemError `service_unavailable` before the first import. */
  offered: () => Promise<CatalogueVersion>;
  /**
   * The account's subscription as time has left it, with what it was sold under and what staff decided; a new account
   * gets the default plan, and its limits are in the ledger before this resolves.
   *
   * @throws ProblemError `not_found` for an account that does not exist.
   */
  ensureSubscription: (accountId: string) => Promise<AccountState>;
  /**
   * Changes a subscription under its lock, from what time has left of it. What `decide` does to the books is saved with
   * what it returns; where it throws, nothing has happened.
   *
   * @throws ProblemError `not_found` for an account that does not exist, and whatever `decide` throws.
   */
  change: (
    accountId: string,
    decide: (current: Subscription, books: SubscriptionTx) => Promise<Subscription>,
  ) => Promise<Subscription>;
};

export function createAccounts<Transaction>(ports: AccountPorts<Transaction>): Accounts {
  const { now, graceMs, find, accountExists, activeCatalogue, catalogueVersion, applySubscription } = ports;
  const offered = async (transaction?: Transaction) => onOffer(await activeCatalogue(transaction));

  async function open(accountId: string): Promise<Subscription> {
    if (!(await accountExists(accountId))) throw problem('not_found');
    const at = now();
    return applySubscription({
      accountId,
      now: at,
      // Another request may have been quicker, and another catalogue may be on offer by now.
      decide: async (current, transaction) =>
        current ?? defaultSubscription(accountId, await offered(transaction), at),
    });
  }

  const ensureOpen = async (accountId: string) => (await find(accountId)) ?? (await open(accountId));

  async function change(
    accountId: string,
    decide: (current: Subscription, books: SubscriptionTx) => Promise<Subscription>,
  ): Promise<Subscription> {
    const opened = await ensureOpen(accountId);
    const at = now();
    return applySubscription({
      accountId,
      now: at,
      decide: async (current = opened, transaction) => {
        const books = ports.subscriptionTxOf(accountId, transaction);
        return decide(await reconcileSubscription(current, books, { now: at, graceMs }), books);
      },
    });
  }

  return {
    offered: () => offered(),
    change,
    async ensureSubscription(accountId) {
      const known = await ensureOpen(accountId);
      const subscription = isDue(known, now()) ? await change(accountId, async (current) => current) : known;
      const [sold, adjustments] = await Promise.all([
        catalogueVersion(subscription.catalogueVersionId),
        ports.adjustments(accountId),
      ]);
      return { subscription, sold, adjustments };
    },
  };
}

function onOffer(active: CatalogueVersion | undefined): CatalogueVersion {
  if (active === undefined) throw problem('service_unavailable', { cause: 'no catalogue has been imported' });
  return active;
}
