/** Reads an invoice of no subscription at Stripe, and writes it with the notices that it causes. */
import { transaction } from '#libs/db/database.ts';
import { keepSubscription } from '../../subscriptions/domain/decision.ts';
import { changeInTransaction, lockAccount } from '../../subscriptions/plugin.ts';
import { adoptCustomer } from './adopt-customer.ts';
import { idOf } from './client.ts';
import { invoiceNotices } from './domain/invoice-notices.ts';
import { markEvents } from './inbox-store.ts';
import { saveInvoices } from './invoice-store.ts';
import { invoiceRow, paymentRows } from './rows.ts';
import { findAccountOf, nextReadNumber } from './store.ts';
import { readIntents, type StripeDeps, type SyncOutcome, withEffects } from './sync.ts';
import { markAll } from './sync-money.ts';

/** @throws Stripe's errors. */
export async function syncInvoice(
  deps: StripeDeps,
  id: string,
  eventIds: readonly string[],
): Promise<SyncOutcome> {
  const { stripe, database, runtime } = deps;
  const readAt = runtime.clock.now();
  const readNumber = await nextReadNumber(database);
  const invoice = await stripe.invoices.retrieve(id, { expand: ['payments'] });
  const customerId = invoice.customer === null ? null : idOf(invoice.customer);
  const accountId =
    customerId === null
      ? undefined
      : ((await findAccountOf(database, customerId)) ?? (await adoptCustomer(deps, customerId)));
  if (accountId === undefined) return markAll(deps, eventIds, 'unknown_customer');
  const intents = await readIntents(stripe, [invoice]);
  const read = {
    row: invoiceRow(invoice, { accountId, readNumber }),
    payments: paymentRows(invoice, { accountId, readNumber }, intents),
  };
  return transaction(database, async (tx): Promise<SyncOutcome> => {
    await lockAccount(tx, accountId);
    const effects = (await saveInvoices(tx, [read])).flatMap(({ row, payments }) => {
      const needsAction = payments.some(({ status }) => status === 'requires_action');
      return invoiceNotices({ ...row, needsAction }, readAt);
    });
    await changeInTransaction(tx, deps, { accountId }, (state) =>
      withEffects(keepSubscription(state), effects),
    );
    await markEvents(tx, eventIds, { outcome: 'synced', now: runtime.clock.now() });
    return 'synced';
  });
}
