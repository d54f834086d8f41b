/** Customers that we made at Stripe without storing them, such as before a crash. */
import type Stripe from 'stripe';
import type { SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { findContact, findCustomer, insertCustomer } from './store.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Stores a customer for the account in its metadata, which only our key writes. An account that has a customer keeps it.
 *
 * @returns the account; undefined for a customer that is not ours.
 */
export async function adoptCustomer(
  { stripe, database, runtime }: Pick<SubscriptionDeps, 'database' | 'runtime'> & { stripe: Stripe },
  customerId: string,
): Promise<string | undefined> {
  const customer = await stripe.customers.retrieve(customerId);
  const accountId = customer.deleted ? undefined : customer.metadata.account;
  if (accountId === undefined || !UUID.test(accountId)) return undefined;
  if ((await findContact(database, accountId)) === undefined) return undefined;
  await insertCustomer(database, { accountId, customerId, createdAt: runtime.clock.now() });
  return (await findCustomer(database, accountId)) === customerId ? accountId : undefined;
}
