/** The only way to change a subscription: lock, load, reconcile, decide, apply. */
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { PaymentPolicy } from '../payments/domain.ts';
import { applyDecision } from './decision-store.ts';
import { type Decision, type DecisionContext, keepSubscription, type Outcome } from './domain/decision.ts';
import { isDue, isLapsed, reconcileSubscription } from './domain/reconcile.ts';
import type { SubscriptionState } from './domain/state.ts';
import type { AccountState, CatalogueVersion, Subscription } from './domain/subscription.ts';
import { MS_PER_DAY } from './domain/transitions.ts';
import {
  type Catalogues,
  type ChangeTarget,
  loadAccountState,
  loadState,
  lockAccount,
  requireOffered,
} from './state-store.ts';
import { findSubscription } from './store.ts';

/** What reading and changing subscriptions is built on. */
export type SubscriptionDeps = {
  database: Database;
  catalogues: Catalogues;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  paymentPolicy: PaymentPolicy;
  /** Applies what the provider says about a subscription, before its plan is ended. Absent without a provider. */
  confirmEnd?: (externalId: string) => Promise<void>;
};

/** A pure function of its arguments. */
export type Decide = (state: SubscriptionState, context: DecisionContext) => Decision;

/**
 * Changes a subscription in a transaction of its own. A refusal is an outcome, not an exception.
 *
 * @throws ProblemError `not_found` for an account that does not exist, `service_unavailable` before the first import.
 */
export async function changeSubscription(
  deps: SubscriptionDeps,
  target: ChangeTarget,
  decide: Decide,
): Promise<Outcome> {
  await askProvider(deps, await findSubscription(deps.database, target.accountId));
  const { outcome } = await transaction(deps.database, (tx) =>
    changeInTransaction(tx, deps, { ...target, endsLapsed: true }, decide),
  );
  return outcome;
}

/** A payment may be on its way while the access seems over: the provider knows. */
async function askProvider(
  { confirmEnd, runtime }: SubscriptionDeps,
  stored: Subscription | undefined,
): Promise<void> {
  if (stored?.externalId == null || !isLapsed(stored, runtime.clock.now())) return;
  await confirmEnd?.(stored.externalId);
}

/**
 * Locks an account until the transaction ends, to change rows that its limits depend on. Call `applyLimits` afterwards,
 * in the same transaction. Opens the subscription of a new account.
 *
 * @returns the reconciled subscription.
 * @throws ProblemError as {@link changeSubscription}.
 */
export async function lockSubscription(
  tx: Tx,
  deps: Omit<SubscriptionDeps, 'database'>,
  accountId: string,
): Promise<Subscription> {
  const { subscription } = await changeInTransaction(tx, deps, { accountId }, keepSubscription);
  return subscription;
}

/** The same as {@link changeSubscription}, in the transaction of the caller, who writes other rows with it. */
export async function changeInTransaction(
  tx: Tx,
  { catalogues, runtime, paymentPolicy }: Omit<SubscriptionDeps, 'database'>,
  { endsLapsed = false, ...target }: ChangeTarget & { endsLapsed?: boolean },
  decide: Decide,
): Promise<Decision> {
  await lockAccount(tx, target.accountId);
  const { clock, newId } = runtime;
  // Read under the lock: an earlier instant could lie before a change that was committed meanwhile.
  const now = clock.now();
  const { state, isNew } = await loadState(tx, catalogues, target, now);
  const graceMs = state.offered.catalogue.paymentGraceDays * MS_PER_DAY;
  const context = { now, newId, graceMs, ...paymentPolicy, endsLapsed };
  const reconciled = reconcileSubscription(state, context);
  const decision = decide(reconciled.state, context);
  const changes = { ...decision, effects: [...reconciled.effects, ...decision.effects] };
  const stored = isNew ? undefined : state.subscription;
  const subscription = await applyDecision(tx, { catalogues, newId }, changes, { stored, now });
  return { ...decision, subscription };
}

/**
 * Reads an account's reconciled subscription, the version it was sold under and its adjustments. A new account gets the
 * default plan, and its limits are in the ledger before this resolves.
 *
 * @throws ProblemError as {@link changeSubscription}.
 */
export async function readAccount(deps: SubscriptionDeps, accountId: string): Promise<AccountState> {
  const { database, catalogues, runtime } = deps;
  const now = runtime.clock.now();
  const stored = await findSubscription(database, accountId);
  return loadAccountState(database, catalogues, await upToDate(deps, accountId, stored), now);
}

async function upToDate(
  deps: SubscriptionDeps,
  accountId: string,
  stored: Subscription | undefined,
): Promise<Subscription> {
  if (stored !== undefined && !isDue(stored, deps.runtime.clock.now())) return stored;
  await askProvider(deps, stored);
  const { subscription } = await transaction(deps.database, (tx) =>
    changeInTransaction(tx, deps, { accountId, endsLapsed: true }, keepSubscription),
  );
  return subscription;
}

/** The catalogue version on offer. @throws ProblemError `service_unavailable` before the first import. */
export async function offeredCatalogue({
  database,
  catalogues,
}: Pick<SubscriptionDeps, 'database' | 'catalogues'>): Promise<CatalogueVersion> {
  return requireOffered(await catalogues.active(database));
}
