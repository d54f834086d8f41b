import type { PaymentRequest } from '../../payments/domain.ts';
import type { Trial } from '../../trials/domain.ts';
import type { CatalogueVersion, Subscription } from './subscription.ts';

/** Catalogue versions by id. */
export type Versions = ReadonlyMap<string, CatalogueVersion>;

/** A subscription with the catalogue versions that a change of it needs. */
export type SubscriptionTerms = {
  readonly subscription: Subscription;
  /** The catalogue version that new subscriptions are sold under. */
  readonly offered: CatalogueVersion;
  /** `offered`, and every version that the subscription, its scheduled change or a payment request refers to. */
  readonly versions: Versions;
};

/** Everything that a decision about a subscription depends on, read while the account is locked. */
export type SubscriptionState = SubscriptionTerms & {
  /** The open request, and the one that the decision is about. */
  readonly paymentRequests: readonly PaymentRequest[];
  readonly runningTrial: Trial | null;
  /** Whether the account or one of its owners has had a trial. */
  readonly hasTried: boolean;
};

/** @throws RangeError for a version that was not loaded. */
export function versionIn(versions: Versions, id: string): CatalogueVersion {
  const version = versions.get(id);
  if (version === undefined) throw new RangeError(`The catalogue version ${id} was not loaded.`);
  return version;
}

/** The catalogue version that the subscription was sold under. */
export function soldVersion({ subscription, versions }: SubscriptionTerms): CatalogueVersion {
  return versionIn(versions, subscription.catalogueVersionId);
}

/** An account has at most one open payment request. */
export function openRequestOf({ paymentRequests }: SubscriptionState): PaymentRequest | undefined {
  return paymentRequests.find(({ status }) => status === 'open');
}
