import { movedAtPeriodEnd, movedNow } from './catalogue-move.ts';
import { beginChange, type Decision, decide, keepSubscription, updateState } from './decision.ts';
import type { SubscriptionState } from './state.ts';

export type CatalogueMove = { versionId: string; migration: 'now' | 'period_end' };

/** Moves a subscription to a published catalogue version. */
export function decideCatalogueMove(
  state: SubscriptionState,
  { versionId, migration }: CatalogueMove,
): Decision {
  const { subscription, offered, versions } = state;
  // Another version has been published meanwhile; its own rollout moves the account.
  if (offered.id !== versionId) return keepSubscription(state);
  const move = migration === 'now' ? movedNow : movedAtPeriodEnd;
  return decide(updateState(beginChange(state), { subscription: move(subscription, offered, versions) }));
}
