/** What the store offers to whoever changes a subscription: all of it in the transaction that holds its lock. */
import type { Actor, AuditAction, AuditState } from '#libs/audit/entry.ts';
import type { PaymentDraft, PaymentRequest, PaymentResolution } from '../payments/domain.ts';
import type { BillingEventDraft } from './billing-event.ts';
import type { CatalogueVersion } from './domain.ts';

export type TrialDraft = { catalogueVersionId: string; planKey: string; startedAt: Date; endsAt: Date };

export type Trial = TrialDraft & { id: string; accountId: string };

export type StaffAction = {
  by: Actor;
  at: Date;
  action: AuditAction;
  before: AuditState;
  after: AuditState;
  reason: string;
};

/** The books of one account. */
export type SubscriptionTx = {
  /** The catalogue on offer. @throws ProblemError `service_unavailable` before the first import. */
  offered: () => Promise<CatalogueVersion>;
  catalogueVersion: (id: string) => Promise<CatalogueVersion>;
  openPaymentRequest: () => Promise<PaymentRequest | undefined>;
  paymentRequest: (id: string) => Promise<PaymentRequest | undefined>;
  /** There must be no open one. */
  addPaymentRequest: (draft: PaymentDraft, at: Date) => Promise<PaymentRequest>;
  settlePaymentRequest: (
    id: string,
    status: 'paid' | 'void',
    settlement: PaymentResolution,
  ) => Promise<PaymentRequest>;
  /** Undefined where the account, or one of its owners, has had a trial: whoever asked must then throw. */
  addTrial: (trial: TrialDraft) => Promise<Trial | undefined>;
  /** The id of the trial that was running. */
  endTrial: (at: Date) => Promise<string | undefined>;
  /** Remembers the first payment after a trial began. */
  convertTrial: (at: Date) => Promise<void>;
  record: (event: BillingEventDraft) => Promise<void>;
  audit: (action: StaffAction) => Promise<void>;
};
