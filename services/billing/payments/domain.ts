/** Money asked for before a plan is given. */
import type { PaymentRequestSummary, PaymentRequestWire } from '#libs/contracts/payment-requests.ts';
import type { Cycle } from '../subscriptions/period.ts';

/** `new_period` starts when it is paid, `rest_of_period` adds to one that runs, `renewal` pays one that has begun. */
export type PaymentKind = 'new_period' | 'rest_of_period' | 'renewal';

/** What is to be paid for, at a price that holds until the request expires. */
export type PaymentDraft = {
  kind: PaymentKind;
  catalogueVersionId: string;
  planKey: string;
  cycle: Cycle;
  amountMinor: number;
  currency: 'USD';
  expiresAt: Date;
};

export type PaymentRequest = PaymentDraft & {
  id: string;
  accountId: string;
  status: 'open' | 'paid' | 'void';
  driver: string;
  /** What the driver calls it; null until it has been asked to collect. */
  driverReference: string | null;
  instructions: string | null;
  createdAt: Date;
  settledAt: Date | null;
  settledBy: string | null;
  note: string | null;
};

/** Who says that a request is paid or void, and why. */
export type PaymentResolution = { at: Date; by: string; note: string };

/** Whether the request asks for the very same thing, whatever the amount has become since. */
export function asksFor(request: PaymentRequest, draft: PaymentDraft): boolean {
  return (
    request.kind === draft.kind &&
    request.planKey === draft.planKey &&
    request.cycle === draft.cycle &&
    request.catalogueVersionId === draft.catalogueVersionId
  );
}

/** As the account sees it. */
export function summariseRequest(request: PaymentRequest): PaymentRequestSummary {
  return {
    id: request.id,
    kind: request.kind,
    plan: request.planKey,
    cycle: request.cycle,
    amount_minor: request.amountMinor,
    currency: request.currency,
    status: request.status,
    instructions: request.instructions,
    created_at: request.createdAt.toISOString(),
    expires_at: request.expiresAt.toISOString(),
  };
}

/** As staff see it. */
export function presentRequest(request: PaymentRequest): PaymentRequestWire {
  return {
    ...summariseRequest(request),
    account_id: request.accountId,
    catalogue_version_id: request.catalogueVersionId,
    driver: request.driver,
    driver_reference: request.driverReference,
    settled_at: request.settledAt?.toISOString() ?? null,
    settled_by: request.settledBy,
    note: request.note,
  };
}
