import { sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { readAdjustments, shareCommonTerms } from '../adjustments/store.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import { findOpenOrNamedRequests } from '../payments/store.ts';
import { findRunningTrial, hasTried } from '../trials/store.ts';
import type { SubscriptionState, SubscriptionTerms, Versions } from './domain/state.ts';
import {
  type AccountState,
  type CatalogueVersion,
  defaultSubscription,
  type Subscription,
} from './domain/subscription.ts';
import { accountExists, findSubscription } from './store.ts';

/** Reads catalogue versions; parsed ones are cached. */
export type Catalogues = {
  /** The version on offer; undefined before the first import. */
  active: (db: Queryable) => Promise<CatalogueVersion | undefined>;
  /** @throws Error when there is no such version. */
  version: (db: Queryable, id: string) => Promise<CatalogueVersion>;
};

/** The account to change, and a payment request that the decision is about. */
export type ChangeTarget = { accountId: string; requestId?: string };

/**
 * Locks an account until the transaction ends. Changes of one account run one after the other, also of an account that
 * has no row to lock yet. The shared lock keeps out changes to the terms of all accounts.
 */
export async function lockAccount(tx: Tx, accountId: string): Promise<void> {
  await shareCommonTerms(tx);
  // Drizzle has no advisory locks.
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('subscription ' || ${accountId}::text, 0))`,
  );
}

/**
 * Reads everything that a decision depends on. The account must be locked.
 *
 * @returns `isNew` for an account without a subscription, whose state holds the default one.
 * @throws ProblemError `not_found` for an account that does not exist, `service_unavailable` before the first import.
 */
export async function loadState(
  tx: Tx,
  catalogues: Catalogues,
  { accountId, requestId }: ChangeTarget,
  now: Date,
): Promise<{ state: SubscriptionState; isNew: boolean }> {
  const paymentRequests = await findOpenOrNamedRequests(tx, accountId, requestId);
  const { terms, isNew } = await loadTerms(tx, catalogues, accountId, now, paymentRequests);
  const runningTrial = (await findRunningTrial(tx, accountId)) ?? null;
  return {
    state: { ...terms, paymentRequests, runningTrial, hasTried: await hasTried(tx, accountId) },
    isNew,
  };
}

/** Reads the part of the state that moves between catalogue versions depend on. Otherwise as {@link loadState}. */
export async function loadTerms(
  tx: Tx,
  catalogues: Catalogues,
  accountId: string,
  now: Date,
  paymentRequests: readonly PaymentRequest[] = [],
): Promise<{ terms: SubscriptionTerms; isNew: boolean }> {
  const stored = await findSubscription(tx, accountId);
  if (stored === undefined && !(await accountExists(tx, accountId))) throw problem('not_found');
  const offered = requireOffered(await catalogues.active(tx));
  const subscription = stored ?? defaultSubscription(accountId, offered, now);
  const requested = paymentRequests.map(({ catalogueVersionId }) => catalogueVersionId);
  const versions = await loadVersions(tx, catalogues, offered, [...versionsOf(subscription), ...requested]);
  return { terms: { subscription, offered, versions }, isNew: stored === undefined };
}

/** A subscription with the version it was sold under and the account's adjustments as of `now`. */
export async function loadAccountState(
  db: Queryable,
  catalogues: Pick<Catalogues, 'version'>,
  subscription: Subscription,
  now: Date,
): Promise<AccountState> {
  const sold = await catalogues.version(db, subscription.catalogueVersionId);
  const adjustments = await readAdjustments(db, subscription.accountId, now);
  return { subscription, sold, adjustments };
}

/** @throws ProblemError `service_unavailable` before the first import. */
export function requireOffered(active: CatalogueVersion | undefined): CatalogueVersion {
  if (active === undefined) throw problem('service_unavailable', { cause: 'no catalogue has been imported' });
  return active;
}

function versionsOf({ catalogueVersionId, scheduledChange }: Subscription): string[] {
  const ids = [catalogueVersionId, scheduledChange?.catalogueVersionId, scheduledChange?.movesTo];
  return ids.filter((id) => typeof id === 'string');
}

async function loadVersions(
  tx: Tx,
  catalogues: Catalogues,
  offered: CatalogueVersion,
  ids: readonly string[],
): Promise<Versions> {
  const versions = new Map([[offered.id, offered]]);
  for (const id of ids) {
    if (!versions.has(id)) versions.set(id, await catalogues.version(tx, id));
  }
  return versions;
}
