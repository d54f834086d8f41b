/** Seats: more of them at once, for which the rest of the period is charged; fewer when it ends. */
import { changeNow, refuseUnpaid } from './change-plan.ts';
import { type HostedDeps, requestChange, requireHosted } from './hosted.ts';
import type { SubscriptionRow } from './stripe/store.ts';

/** @throws ProblemError `payment_required` where the card does not pay, or the period is not paid. */
export async function changeSeats(
  deps: HostedDeps,
  running: SubscriptionRow,
  { accountId, by, quantity }: { accountId: string; by: string; quantity: number },
): Promise<void> {
  if (quantity === (running.scheduledQuantity ?? running.quantity)) return;
  await refuseUnpaid(deps, running);
  const { priceId } = running;
  const request = { accountId, by, kind: 'seats', terms: { quantity } };
  if (quantity > running.quantity) return changeNow(deps, running, request, { priceId, quantity });
  const hosted = requireHosted(deps);
  await requestChange(deps, running, request, (keyed) => hosted.changeAtPeriodEnd({ ...keyed, quantity }));
}
