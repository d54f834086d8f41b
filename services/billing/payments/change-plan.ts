/** Plan changes of accounts whose subscription the provider renews, and the way of others to a checkout. */
import { problem } from '#libs/problems/problems.ts';
import { choosePlan } from '../plans/domain/offer.ts';
import type { Cycle } from '../subscriptions/domain/period.ts';
import { type PlanChange, planChangeOf } from '../subscriptions/domain/plan-change.ts';
import { directionRefusal, refusalProblem } from '../subscriptions/domain/refusal.ts';
import { offeredCatalogue, readAccount } from '../subscriptions/plugin.ts';
import { allowedUrl, startCheckout } from './checkout.ts';
import { type HostedDeps, priceOf, requestChange, requireHosted } from './hosted.ts';
import { findCountingSubscription, findOpenInvoice, type SubscriptionRow } from './stripe/store.ts';

export type PlanChoice = { plan: string; cycle?: Cycle | undefined; by: string };

/** `local`: billing decides, as without a provider. */
export type HostedOutcome = 'done' | 'local';

/** @throws ProblemError `payment_required` with a page on which to pay. */
export async function upgradeHosted(
  deps: HostedDeps,
  accountId: string,
  choice: PlanChoice,
): Promise<HostedOutcome> {
  const running = await findCountingSubscription(deps.database, accountId);
  const change = await changeOf(deps, accountId, choice);
  if (running === undefined) {
    if (change.direction === 'upgrade' && change.effective === 'now') return 'local';
    const { plan, cycle } = choice;
    const page = await startCheckout(deps, accountId, { plan, cycle, seats: 1, trial: false });
    throw paymentRequired(page.url, `${change.target.key} takes effect when it is paid.`);
  }
  await refuseUnpaid(deps, running);
  if (change.direction !== 'upgrade' || change.refusal !== null) {
    throw refusalProblem(directionRefusal(change, 'upgrade'));
  }
  const { target, cycle } = change;
  const terms = { plan: target.key, cycle, quantity: running.quantity };
  await changeNow(
    deps,
    running,
    { accountId, by: choice.by, kind: 'upgrade', terms },
    {
      priceId: await priceOf(deps, { planKey: target.key, cycle }),
      quantity: running.quantity,
    },
  );
  return 'done';
}

export async function downgradeHosted(
  deps: HostedDeps,
  accountId: string,
  choice: PlanChoice,
): Promise<HostedOutcome> {
  const running = await findCountingSubscription(deps.database, accountId);
  if (running === undefined) return 'local';
  await refuseUnpaid(deps, running);
  const change = await changeOf(deps, accountId, choice);
  if (change.direction !== 'downgrade' || change.refusal !== null) {
    throw refusalProblem(directionRefusal(change, 'downgrade'));
  }
  const { catalogue } = change.version;
  const { target, cycle } = change;
  if (target.key === catalogue.defaultPlan)
    return cancelHosted(deps, accountId, { by: choice.by, when: 'period_end' });
  const priceId = await priceOf(deps, { planKey: target.key, cycle });
  const request = {
    accountId,
    by: choice.by,
    kind: 'downgrade',
    terms: { plan: target.key, cycle },
  };
  const hosted = requireHosted(deps);
  await requestChange(deps, running, request, (keyed) => hosted.changeAtPeriodEnd({ ...keyed, priceId }));
  return 'done';
}

export async function cancelHosted(
  deps: HostedDeps,
  accountId: string,
  { by, when }: { by: string; when: 'now' | 'period_end' },
): Promise<HostedOutcome> {
  const running = await findCountingSubscription(deps.database, accountId);
  if (running === undefined) return 'local';
  if (when === 'period_end' && running.cancelAt !== null) return 'done';
  // An unpaid period ends at once, as without a provider.
  const at = ['past_due', 'unpaid', 'paused'].includes(running.status) ? 'now' : when;
  const hosted = requireHosted(deps);
  const request = { accountId, by, kind: 'cancel', terms: { when: at } };
  await requestChange(deps, running, request, (keyed) => hosted.cancel({ ...keyed, when: at }));
  return 'done';
}

/** Withdraws a cancellation or a scheduled downgrade. */
export async function resumeHosted(deps: HostedDeps, accountId: string, by: string): Promise<HostedOutcome> {
  const running = await findCountingSubscription(deps.database, accountId);
  if (running === undefined) return 'local';
  const hosted = requireHosted(deps);
  await requestChange(deps, running, { accountId, by, kind: 'resume', terms: {} }, async (keyed) => {
    if (running.cancelAt === null || running.scheduleId !== null) await hosted.keepPlan(keyed);
    if (running.cancelAt !== null) await hosted.resume(keyed);
  });
  return 'done';
}

/** Changes plan or seats now. @throws ProblemError `payment_required` where the card does not pay; nothing changes. */
export async function changeNow(
  deps: HostedDeps,
  running: SubscriptionRow,
  request: Parameters<typeof requestChange>[2],
  item: { priceId: string; quantity: number },
): Promise<void> {
  const hosted = requireHosted(deps);
  const result = await requestChange(deps, running, request, (keyed) =>
    hosted.changeNow({ ...keyed, ...item }),
  );
  if (result.kind !== 'action_required') return;
  throw result.url === null
    ? paymentRequired(
        await portalOf(deps, running),
        'The payment failed or has to be confirmed, and nothing has changed. Confirm or replace the card, and request the change again.',
      )
    : paymentRequired(
        result.url,
        'The payment failed or has to be confirmed. Nothing changes before it is paid.',
      );
}

/** The page for cards. Shortly before a scheduled change the provider has no page for the payment itself. */
async function portalOf(deps: HostedDeps, { customerId }: SubscriptionRow): Promise<string | null> {
  if (deps.returnOrigins.length === 0) return null;
  const returnUrl = allowedUrl(deps, undefined, '/billing');
  const idempotencyKey = `portal-${deps.runtime.newId()}`;
  return requireHosted(deps).openPortal({ customerId, returnUrl, idempotencyKey });
}

async function changeOf(
  deps: HostedDeps,
  accountId: string,
  { plan, cycle }: PlanChoice,
): Promise<PlanChange> {
  const { subscription, sold } = await readAccount(deps, accountId);
  const offered = await offeredCatalogue(deps);
  const target = choosePlan(offered.catalogue, plan);
  return planChangeOf({ subscription, sold, offered, target, cycle, now: deps.runtime.clock.now() });
}

/** What is owed is paid before anything else changes. */
export async function refuseUnpaid(deps: HostedDeps, running: SubscriptionRow): Promise<void> {
  if (!['past_due', 'unpaid', 'incomplete'].includes(running.status)) return;
  const invoice = await findOpenInvoice(deps.database, running.id);
  throw paymentRequired(
    invoice?.hostedUrl ?? null,
    'The current period is not paid. Pay it, or cancel the subscription.',
  );
}

function paymentRequired(url: string | null, detail: string) {
  return problem('payment_required', { detail, fields: { checkout_url: url } });
}
