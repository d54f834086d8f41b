/** What billing knows of an account: its subscription, opened when it is first asked for. */
import { problem } from '#libs/problems/problems.ts';
import { type CatalogueVersion, defaultSubscription, type Subscription } from './subscription.ts';

export type AccountPorts = {
  now: () => Date;
  find: (accountId: string) => Promise<Subscription | undefined>;
  accountExists: (accountId: string) => Promise<boolean>;
  activeCatalogue: () => Promise<CatalogueVersion | undefined>;
  catalogueVersion: (id: string) => Promise<CatalogueVersion>;
  applySubscription: (change: {
    accountId: string;
    now: Date;
    decide: (current: Subscription | undefined) => Subscription;
  }) => Promise<Subscription>;
};

export type Accounts = {
  /** The catalogue on offer. @throws ProblemError `service_unavailable` before the first import. */
  offered: () => Promise<CatalogueVersion>;
  /**
   * The account's subscription with what it was sold under; a new account gets the default plan, and its limits are in
   * the ledger before this resolves.
   *
   * @throws ProblemError `not_found` for an account that does not exist.
   */
  ensureSubscription: (accountId: string) => Promise<{ subscription: Subscription; sold: CatalogueVersion }>;
};

export function createAccounts(ports: AccountPorts): Accounts {
  const { now, find, accountExists, activeCatalogue, catalogueVersion, applySubscription } = ports;

  async function offered(): Promise<CatalogueVersion> {
    const active = await activeCatalogue();
    if (active === undefined) {
      throw problem('service_unavailable', { cause: 'no catalogue has been imported' });
    }
    return active;
  }

  async function open(accountId: string): Promise<Subscription> {
    if (!(await accountExists(accountId))) throw problem('not_found');
    const active = await offered();
    const at = now();
    return applySubscription({
      accountId,
      now: at,
      // Another request may have been quicker.
      decide: (current) => current ?? defaultSubscription(accountId, active, at),
    });
  }

  return {
    offered,
    async ensureSubscription(accountId) {
      const subscription = (await find(accountId)) ?? (await open(accountId));
      return { subscription, sold: await catalogueVersion(subscription.catalogueVersionId) };
    },
  };
}
