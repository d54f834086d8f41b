import { movedAtPeriodEnd, movedNow } from './catalogue-move.ts';
import type { Decision } from './decision.ts';
import type { SubscriptionTerms } from './state.ts';

export type CatalogueMove = { versionId: string; migration: 'now' | 'period_end' };

/** Moves a subscription to a published catalogue version, unless another version is on offer by now. */
export function decideCatalogueMove(
  { subscription, offered, versions }: SubscriptionTerms,
  { versionId, migration }: CatalogueMove,
): Decision {
  // The rollout of the other version moves the account.
  if (offered.id !== versionId) return { subscription, effects: [], outcome: { kind: 'unchanged' } };
  const move = migration === 'now' ? movedNow : movedAtPeriodEnd;
  return { subscription: move(subscription, offered, versions), effects: [], outcome: { kind: 'changed' } };
}
