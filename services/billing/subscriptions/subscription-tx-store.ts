import { drizzle } from 'drizzle-orm/node-postgres';
import type { PoolClient } from 'pg';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { problem } from '#libs/problems/problems.ts';
import type { CatalogueStore } from '../catalogues/versions.ts';
import { findOpenRequest, findRequest, insertRequest, resolveRequest } from '../payments/store.ts';
import { convertTrial, endTrial, insertTrial } from '../trials/store.ts';
import { recordEvent } from './billing-event-store.ts';
import type { SubscriptionTx } from './subscription-tx.ts';

export type SubscriptionTxOptions = {
  catalogues: Pick<CatalogueStore, 'active' | 'version'>;
  newId: () => string;
  /** Who collects what is asked for from now on. */
  driver: string;
};

/** The books of one account, on a connection that holds the lock of its subscription. */
export function subscriptionTxOf(
  { catalogues, newId, driver }: SubscriptionTxOptions,
  accountId: string,
  client: PoolClient,
): SubscriptionTx {
  return {
    async offered() {
      const active = await catalogues.active(client);
      if (active === undefined) throw problem('service_unavailable', { cause: 'no catalogue is imported' });
      return active;
    },
    catalogueVersion: (id) => catalogues.version(id, client),
    openPaymentRequest: () => findOpenRequest(client, accountId),
    paymentRequest: (id) => findRequest(client, accountId, id),
    addPaymentRequest: (draft, createdAt) =>
      insertRequest(client, { ...draft, id: newId(), accountId, driver, createdAt }),
    settlePaymentRequest: (id, status, settlement) => resolveRequest(client, id, status, settlement),
    async addTrial(draft) {
      const trial = { ...draft, id: newId(), accountId };
      return (await insertTrial(client, trial)) ? trial : undefined;
    },
    endTrial: (at) => endTrial(client, accountId, at),
    convertTrial: (at) => convertTrial(client, accountId, at),
    async record({ subject, ...event }) {
      const id = newId();
      await recordEvent(client, { ...event, id, accountId, subject: subject ?? id });
    },
    audit: (action) =>
      recordAudit(drizzle(client), { ...action, id: newId(), accountId, subject: `account:${accountId}` }),
  };
}
