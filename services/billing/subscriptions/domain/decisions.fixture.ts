/** States and contexts for tests of decisions. */
import { readFileSync } from 'node:fs';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { PaymentRequest } from '../../payments/domain.ts';
import type { Decision, DecisionContext } from './decision.ts';
import type { SubscriptionState } from './state.ts';
import { type CatalogueVersion, defaultSubscription, type Subscription } from './subscription.ts';
import { paidFor } from './transitions.ts';

const ACCOUNT_ID = '0190a1b2-0000-7000-8000-00000000a001';

/** The catalogue `lily`: free, starter, pro and enterprise, with trials of the paid plans. */
export const version: CatalogueVersion = versionOf('0190a1b2-0000-7000-8000-00000000d001', 1);
/** A newer version with a higher price of `pro`. */
export const newerVersion: CatalogueVersion = versionOf('0190a1b2-0000-7000-8000-00000000d002', 2, (text) =>
  text.replace('monthlyMinor: 7900, yearlyMinor: 79000', 'monthlyMinor: 8900, yearlyMinor: 89000'),
);

export const start = new Date('2026-11-20T12:00:00.000Z');
export const periodEnd = new Date('2026-12-20T12:00:00.000Z');
export const GRACE_MS = 3 * 86_400_000;

function versionOf(
  id: string,
  number: number,
  edit: (text: string) => string = (text) => text,
): CatalogueVersion {
  const text = readFileSync(new URL('../../../../deploy/catalogues/lily.yaml', import.meta.url), 'utf8');
  return { id, catalogueId: 'lily', version: number, catalogue: parseCatalogue(edit(text)) };
}

export const free: Subscription = defaultSubscription(ACCOUNT_ID, version, start);

export function paid(
  planKey: string,
  cycle: 'month' | 'year' = 'month',
  seats: number | null = null,
): Subscription {
  const bought = { kind: 'new_period', planKey, cycle, seats, catalogueVersionId: version.id } as const;
  return paidFor(free, bought, { startsAt: start, graceMs: GRACE_MS });
}

/** `pro` in a new period that is not paid yet. */
export const pastDue: Subscription = {
  ...paid('pro'),
  status: 'past_due',
  accessEndsAt: new Date(start.getTime() + GRACE_MS),
};

export const trialingPro: Subscription = {
  ...free,
  status: 'trialing',
  planKey: 'pro',
  trialEndsAt: new Date('2026-12-04T12:00:00.000Z'),
};

export const runningTrial = {
  id: 'trial-1',
  accountId: ACCOUNT_ID,
  catalogueVersionId: version.id,
  planKey: 'pro',
  startedAt: start,
  endsAt: new Date('2026-12-04T12:00:00.000Z'),
};

export function stateOf(
  subscription: Subscription,
  changes: Partial<SubscriptionState> = {},
): SubscriptionState {
  const isTrialing = subscription.status === 'trialing';
  return {
    subscription,
    offered: version,
    versions: new Map([version, newerVersion].map((one) => [one.id, one])),
    paymentRequests: [],
    runningTrial: isTrialing ? runningTrial : null,
    hasTried: isTrialing,
    ...changes,
  };
}

export function requestOf(changes: Partial<PaymentRequest> = {}): PaymentRequest {
  return {
    id: 'request-1',
    accountId: ACCOUNT_ID,
    kind: 'new_period',
    catalogueVersionId: version.id,
    planKey: 'pro',
    cycle: 'month',
    seats: null,
    amountMinor: 7900,
    currency: 'USD',
    expiresAt: periodEnd,
    status: 'open',
    driver: 'manual',
    driverReference: null,
    instructions: null,
    periodStart: null,
    periodEnd: null,
    createdAt: start,
    settledAt: null,
    settledBy: null,
    note: null,
    ...changes,
  };
}

export function contextAt(now: Date = start): DecisionContext {
  let ids = 0;
  return {
    now,
    newId: () => {
      ids += 1;
      return `new-${ids}`;
    },
    graceMs: GRACE_MS,
    requestDays: 30,
    driver: 'manual',
    endsLapsed: true,
  };
}

/** The effects in short: their kinds, and those of events. `notice` is an event that the account is notified of. */
export function kindsOf({ effects }: Pick<Decision, 'effects'>): string[] {
  return effects.map((effect) => {
    if (effect.kind === 'notified_event') return `notice:${effect.event.kind}`;
    return effect.kind === 'event' ? `event:${effect.event.kind}` : effect.kind;
  });
}
