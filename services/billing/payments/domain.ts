/** Payment requests: a plan changes when its request is paid. */
import type { PaymentRequestSummary, PaymentRequestWire } from '#libs/contracts/payment-requests.ts';
import type { Cycle } from '../subscriptions/domain/period.ts';

/** A `new_period` starts when it is paid, `rest_of_period` upgrades the current one, `renewal` pays for one that has begun. */
export type PaymentKind = 'new_period' | 'rest_of_period' | 'renewal';

/** How new payment requests are made. */
export type PaymentPolicy = {
  /** Days for which the price of a payment request holds. */
  requestDays: number;
  /** The driver that collects new requests. */
  driver: string;
};

/** A purchase. Its price holds until the request expires. */
export type PaymentDraft = {
  kind: PaymentKind;
  catalogueVersionId: string;
  planKey: string;
  cycle: Cycle;
  /** Seats that are paid for; null where the plan alone decides. */
  seats: number | null;
  amountMinor: number;
  currency: 'USD';
  expiresAt: Date;
};

export type PaymentRequest = PaymentDraft & {
  id: string;
  accountId: string;
  status: 'open' | 'paid' | 'void';
  driver: string;
  /** The driver's own id; null until the driver has accepted the request. */
  driverReference: string | null;
  instructions: string | null;
  /** The part of a period that it pays for; null before a new period is paid. */
  periodStart: Date | null;
  periodEnd: Date | null;
  createdAt: Date;
  settledAt: Date | null;
  settledBy: string | null;
  note: string | null;
};

/** When, by whom and why a request is paid or void. */
export type PaymentResolution = { at: Date; by: string; note: string };

/** Whether a request is for the same purchase, even if its price has changed since. */
export function requestsSame(request: PaymentRequest, draft: PaymentDraft): boolean {
  return (
    request.kind === draft.kind &&
    request.planKey === draft.planKey &&
    request.cycle === draft.cycle &&
    request.seats === draft.seats &&
    request.catalogueVersionId === draft.catalogueVersionId
  );
}

/** A request as its account sees it. */
export function presentRequestSummary(request: PaymentRequest): PaymentRequestSummary {
  return {
    id: request.id,
    kind: request.kind,
    plan: request.planKey,
    cycle: request.cycle,
    seats: request.seats,
    amount_minor: request.amountMinor,
    currency: request.currency,
    status: request.status,
    instructions: request.instructions,
    created_at: request.createdAt.toISOString(),
    updated_at: (request.settledAt ?? request.createdAt).toISOString(),
    expires_at: request.expiresAt.toISOString(),
  };
}

/** A request as staff see it. */
export function presentRequest(request: PaymentRequest): PaymentRequestWire {
  return {
    ...presentRequestSummary(request),
    account_id: request.accountId,
    catalogue_version_id: request.catalogueVersionId,
    driver: request.driver,
    driver_reference: request.driverReference,
    settled_at: request.settledAt?.toISOString() ?? null,
    settled_by: request.settledBy,
    note: request.note,
  };
}
