/** Moving up: what costs nothing takes effect at once, everything else when it is paid. */
import { problem } from '#libs/problems/problems.ts';
import { addRequest, askForRenewal, voidOpenRequest, voidRequest } from '../payments/ask-for-payment.ts';
import { asksFor, type PaymentDraft, type PaymentRequest, summariseRequest } from '../payments/domain.ts';
import type { PaymentPort } from '../payments/port.ts';
import { leaveTrial, type PaymentResolutions } from '../payments/resolutions.ts';
import type { Accounts } from './accounts.ts';
import type { CatalogueVersion, Subscription } from './domain.ts';
import type { Cycle } from './period.ts';
import { type PlanChange, paidMinorOf, planChangeOf } from './plan-change.ts';
import { refuseChange } from './refuse-change.ts';
import type { SubscriptionTx } from './subscription-tx.ts';
import { daysLater, paidFor, placedOn } from './transitions.ts';

export type Purchases = {
  /**
   * Moves up to a plan once it is paid; asking again asks for the same payment.
   *
   * @throws ProblemError `payment_required` with the request that is open, `unknown_plan`, `plan_change_not_allowed`.
   */
  upgrade: (
    accountId: string,
    choice: { plan: string; cycle: Cycle | undefined; by: string },
  ) => Promise<Subscription>;
  /** Has the driver collect a request; doing so again changes nothing. */
  collect: (request: PaymentRequest) => Promise<PaymentRequest>;
};

export type PurchasePorts = {
  accounts: Pick<Accounts, 'change'>;
  paymentResolutions: Pick<PaymentResolutions, 'markPaid'>;
  payments: PaymentPort;
  now: () => Date;
  graceMs: number;
  requestDays: number;
  /** Keeps what the driver said, once. */
  saveOrder: (
    requestId: string,
    order: { reference: string; instructions: string },
  ) => Promise<PaymentRequest>;
};

export function createPurchases(ports: PurchasePorts): Purchases {
  const { accounts, paymentResolutions, payments, now, graceMs, requestDays, saveOrder } = ports;

  async function upgrade(
    accountId: string,
    { plan, cycle, by }: { plan: string; cycle: Cycle | undefined; by: string },
  ): Promise<Subscription> {
    let owed: PaymentRequest | undefined;
    const subscription = await accounts.change(accountId, async (current, books) => {
      const at = now();
      const [offered, sold] = [
        await books.offered(),
        await books.catalogueVersion(current.catalogueVersionId),
      ];
      const wanted = planChangeOf({ subscription: current, sold, offered, plan, cycle, now: at });
      if (current.status === 'past_due' && wanted.refusal === 'already_on_plan') {
        owed = await askForRenewal(current, sold, books, { at, note: 'replaced' });
        return current;
      }
      if (wanted.direction !== 'upgrade' || wanted.refusal !== null) throw refuseChange(wanted, 'upgrade');
      if (wanted.effective === 'now') {
        await voidOpenRequest(books, { at, by, note: 'the plan has changed' });
        return moved(current, wanted, books, at);
      }
      owed = await askFor(draftOf(wanted, current, sold, at), books, by, at);
      return current;
    });
    if (owed === undefined) return subscription;
    const asked = await collect(owed);
    if (asked.status === 'paid') return accounts.change(accountId, async (current) => current);
    throw problem('payment_required', {
      detail: `${asked.planKey} takes effect when the payment request is paid.`,
      fields: { payment_request: summariseRequest(asked) },
    });
  }

  function draftOf(
    { payment, target, version, cycle }: PlanChange,
    current: Subscription,
    sold: CatalogueVersion,
    at: Date,
  ): PaymentDraft {
    if (payment === null) throw new RangeError('what costs nothing is not asked for');
    const patience = daysLater(at, requestDays);
    const isCredited = paidMinorOf(current, sold) > 0;
    const { currentPeriodEnd } = current;
    return {
      ...payment,
      catalogueVersionId: version.id,
      planKey: target.key,
      cycle,
      currency: version.catalogue.currency,
      // What is left of a period is only worth something while it lasts.
      expiresAt: isCredited && currentPeriodEnd < patience ? currentPeriodEnd : patience,
    };
  }

  async function askFor(
    draft: PaymentDraft,
    books: SubscriptionTx,
    by: string,
    at: Date,
  ): Promise<PaymentRequest> {
    const open = await books.openPaymentRequest();
    if (open !== undefined && asksFor(open, draft)) return open;
    if (open !== undefined) await voidRequest(books, open, { at, by, note: 'replaced' });
    return addRequest(books, draft, at);
  }

  /** An upgrade for which nothing is to be paid. */
  async function moved(
    current: Subscription,
    { target, version, cycle, payment }: PlanChange,
    books: SubscriptionTx,
    at: Date,
  ): Promise<Subscription> {
    const plan = { planKey: target.key, cycle, catalogueVersionId: version.id };
    const next =
      payment === null
        ? placedOn(current, { ...plan, complimentary: false }, at)
        : paidFor(current, { ...plan, kind: payment.kind }, { startsAt: at, graceMs });
    await leaveTrial(current, books, at, false);
    await books.record({
      kind: 'plan_changed',
      at,
      data: { from: current.planKey, to: next.planKey, reason: 'upgrade' },
    });
    return next;
  }

  async function collect(request: PaymentRequest): Promise<PaymentRequest> {
    if (request.driverReference !== null || request.status !== 'open') return request;
    const { id, accountId, planKey, cycle, amountMinor, currency } = request;
    const order = await payments.requestPayment({
      accountId,
      plan: planKey,
      cycle,
      amountMinor,
      currency,
      idempotencyKey: id,
    });
    const saved = await saveOrder(id, { reference: order.id, instructions: order.instructions });
    if (order.status === 'open') return saved;
    return paymentResolutions.markPaid(id, { at: now(), by: payments.driver, note: order.id });
  }

  return { upgrade, collect };
}
