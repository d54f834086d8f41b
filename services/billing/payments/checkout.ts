/** From a choice of plan to the page on which it is paid. */
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { choosePlan } from '../plans/domain/offer.ts';
import type { Cycle } from '../subscriptions/domain/period.ts';
import { planChangeOf } from '../subscriptions/domain/plan-change.ts';
import { directionRefusal, refusalProblem } from '../subscriptions/domain/refusal.ts';
import { lockSubscription, offeredCatalogue, readAccount } from '../subscriptions/plugin.ts';
import { canStartTrial, plansWithTrial } from '../trials/domain.ts';
import {
  accountHasTried,
  type CheckoutRow,
  expireCheckoutRow,
  findOpenCheckout,
  insertCheckout,
  saveSession,
} from './checkout-store.ts';
import { callProvider, ensureCustomer, type HostedDeps, priceOf, requireHosted } from './hosted.ts';
import { findCountingSubscription } from './stripe/store.ts';

const DAY_MS = 24 * 60 * 60_000;

export type CheckoutChoice = {
  plan: string;
  cycle?: Cycle | undefined;
  seats: number;
  trial: boolean;
  successUrl?: string | undefined;
  cancelUrl?: string | undefined;
};

/** An account has one open page: the same choice returns it, another one closes it. */
export async function startCheckout(
  deps: HostedDeps,
  accountId: string,
  choice: CheckoutChoice,
): Promise<{ url: string; expiresAt: Date }> {
  const hosted = requireHosted(deps);
  const terms = await termsOf(deps, accountId, choice);
  const customerId = await ensureCustomer(deps, accountId);
  const { row, replaced } = await openCheckout(deps, accountId, terms);
  if (replaced?.sessionId != null) {
    const { sessionId } = replaced;
    await callProvider(() => hosted.expireCheckout(sessionId));
  }
  if (row.url !== null) return { url: row.url, expiresAt: row.expiresAt };
  const { priceId, seats, trialDays, successUrl, cancelUrl, id: idempotencyKey } = row;
  const order = { accountId, customerId, priceId, seats, trialDays, successUrl, cancelUrl, idempotencyKey };
  const { id: sessionId, url, expiresAt } = await callProvider(() => hosted.startCheckout(order));
  await saveSession(deps.database, row.id, { sessionId, url, expiresAt });
  return { url, expiresAt };
}

type Terms = Pick<
  CheckoutRow,
  'planKey' | 'cycle' | 'priceId' | 'seats' | 'trialDays' | 'successUrl' | 'cancelUrl'
>;

async function termsOf(deps: HostedDeps, accountId: string, choice: CheckoutChoice): Promise<Terms> {
  const { subscription, sold } = await readAccount(deps, accountId);
  const running = await findCountingSubscription(deps.database, accountId);
  if (running !== undefined) {
    throw problem('conflict', {
      detail:
        'The account has a subscription. Change it with POST /api/subscription/upgrade, or open the portal.',
    });
  }
  const offered = await offeredCatalogue(deps);
  const target = choosePlan(offered.catalogue, choice.plan);
  const now = deps.runtime.clock.now();
  const change = planChangeOf({ subscription, sold, offered, target, cycle: choice.cycle, now });
  if (change.direction !== 'upgrade' || change.refusal !== null || !change.recurringMinor) {
    throw refusalProblem(directionRefusal(change, 'upgrade'));
  }
  let trialDays = 0;
  if (choice.trial) {
    const refuse = (reason: 'trial_used' | 'not_on_default_plan' | 'plan_without_trial') =>
      refusalProblem({ code: 'trial_not_available', reason, plan: target.key });
    if (!canStartTrial(subscription, sold)) throw refuse('not_on_default_plan');
    if (!plansWithTrial(offered.catalogue).includes(target)) throw refuse('plan_without_trial');
    if (await accountHasTried(deps.database, accountId)) throw refuse('trial_used');
    trialDays = target.trialDays;
  }
  const plan = { planKey: target.key, cycle: change.cycle };
  const priceId = await priceOf(deps, plan);
  return {
    ...plan,
    priceId,
    seats: choice.seats,
    trialDays,
    successUrl: allowedUrl(deps, choice.successUrl, '/billing/success'),
    cancelUrl: allowedUrl(deps, choice.cancelUrl, '/billing/cancelled'),
  };
}

/** @throws ProblemError `semantic_error` for an origin that is not on the list. */
export function allowedUrl(
  { returnOrigins }: Pick<HostedDeps, 'returnOrigins'>,
  url: string | undefined,
  path: string,
): string {
  const [first] = returnOrigins;
  if (url === undefined) {
    if (first === undefined) throw problem('semantic_error', { detail: 'Send a return URL.' });
    return `${first}${path}`;
  }
  if (returnOrigins.includes(new URL(url).origin)) return url;
  throw problem('semantic_error', {
    detail: 'The provider may not return to this origin.',
    fields: { allowed_origins: returnOrigins },
  });
}

async function openCheckout(
  deps: HostedDeps,
  accountId: string,
  terms: Terms,
): Promise<{ row: CheckoutRow; replaced: CheckoutRow | undefined }> {
  return transaction(deps.database, async (tx) => {
    await lockSubscription(tx, deps, accountId);
    const now = deps.runtime.clock.now();
    const open = await findOpenCheckout(tx, accountId);
    if (open !== undefined && open.expiresAt > now && isFor(open, terms))
      return { row: open, replaced: undefined };
    if (open !== undefined) await expireCheckoutRow(tx, open.id);
    const row: CheckoutRow = {
      ...terms,
      id: deps.runtime.newId(),
      accountId,
      status: 'open',
      sessionId: null,
      url: null,
      createdAt: now,
      expiresAt: new Date(now.getTime() + DAY_MS),
    };
    await insertCheckout(tx, row);
    return { row, replaced: open };
  });
}

function isFor(row: CheckoutRow, terms: Terms): boolean {
  return (Object.keys(terms) as (keyof Terms)[]).every((name) => row[name] === terms[name]);
}
