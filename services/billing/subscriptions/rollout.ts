/** Changes that rollouts make to existing accounts. They leave the effects of time to the next reconciliation. */
import { transaction } from '#libs/db/database.ts';
import type { SubscriptionDeps } from './change.ts';
import { applyDecision, applyLimits } from './decision-store.ts';
import { type CatalogueMove, decideCatalogueMove } from './domain/decide-catalogue-move.ts';
import { loadTerms, lockAccount } from './state-store.ts';
import { findSubscription } from './store.ts';

export type RolloutDeps = Omit<SubscriptionDeps, 'paymentPolicy'>;

/** Moves an account to a published catalogue version. Changes nothing once another version is on offer. */
export async function moveToCatalogue(
  { database, catalogues, runtime }: RolloutDeps,
  accountId: string,
  move: CatalogueMove,
): Promise<void> {
  const { clock, newId } = runtime;
  await transaction(database, async (tx) => {
    await lockAccount(tx, accountId);
    const now = clock.now();
    const { terms, isNew } = await loadTerms(tx, catalogues, accountId, now);
    const stored = isNew ? undefined : terms.subscription;
    await applyDecision(tx, { catalogues, newId }, decideCatalogueMove(terms, move), { stored, now });
  });
}

/** Computes an account's limits again, after a change of terms that many accounts share. */
export async function recomputeLimits(
  { database, catalogues, runtime }: RolloutDeps,
  accountId: string,
): Promise<void> {
  await transaction(database, async (tx) => {
    await lockAccount(tx, accountId);
    const subscription = await findSubscription(tx, accountId);
    if (subscription === undefined) throw new Error(`The account ${accountId} has no subscription.`);
    await applyLimits(tx, { catalogues }, subscription, runtime.clock.now());
  });
}
