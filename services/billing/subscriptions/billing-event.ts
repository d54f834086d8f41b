/** What became of a subscription, as it is told afterwards. */
import type { BillingEventKind, BillingEventWire } from '#libs/contracts/subscriptions.ts';

export type EventData = Readonly<Record<string, string | number | boolean | null>>;

export type BillingEventDraft = {
  kind: BillingEventKind;
  /** What it is about; told once for each. Left out where it may happen again and again. */
  subject?: string;
  at: Date;
  data: EventData;
};

export type BillingEvent = Required<BillingEventDraft> & { id: string; accountId: string };

export function presentEvent({ id, accountId, kind, subject, at, data }: BillingEvent): BillingEventWire {
  return { id, account_id: accountId, kind, subject, occurred_at: at.toISOString(), data };
}
