import { problem } from '#libs/problems/problems.ts';
import {
  decidePaymentResolution,
  type PaymentResolutionInput,
} from '../subscriptions/domain/decide-payment-resolution.ts';
import { refusalProblem } from '../subscriptions/domain/refusal.ts';
import { changeSubscription, type SubscriptionDeps } from '../subscriptions/plugin.ts';
import type { PaymentRequest } from './domain.ts';
import type { PaymentPort } from './port.ts';
import { findPayer, saveOrder } from './store.ts';

export type PaymentDeps = SubscriptionDeps & { payments: PaymentPort };

/** Orders the payment of an open request from the driver, once. A payment that is collected at once takes effect. */
export async function collectPayment(deps: PaymentDeps, request: PaymentRequest): Promise<PaymentRequest> {
  if (request.driverReference !== null || request.status !== 'open') return request;
  const { payments } = deps;
  const { id, accountId, planKey, cycle, amountMinor, currency } = request;
  const order = await payments.requestPayment({
    accountId,
    plan: planKey,
    cycle,
    amountMinor,
    currency,
    idempotencyKey: id,
  });
  const { id: reference, instructions } = order;
  const saved = await saveOrder(deps.database, id, { reference, instructions });
  if (order.status === 'open') return saved;
  return resolvePayment(deps, {
    requestId: id,
    status: 'paid',
    note: reference,
    by: payments.driver,
    staff: null,
  });
}

/**
 * Marks a request as paid or void. What a paid request buys takes effect in the same transaction, once.
 *
 * @throws ProblemError `not_found`, `conflict` where the request was resolved otherwise.
 */
export async function resolvePayment(
  deps: SubscriptionDeps,
  input: PaymentResolutionInput,
): Promise<PaymentRequest> {
  const { requestId } = input;
  const accountId = await findPayer(deps.database, requestId);
  if (accountId === undefined) throw problem('not_found');
  const outcome = await changeSubscription(deps, { accountId, requestId }, (state, context) =>
    decidePaymentResolution(state, input, context),
  );
  if (outcome.kind === 'payment_resolved') return outcome.request;
  if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
  throw new RangeError(`A payment resolution has no outcome ${outcome.kind}.`);
}
