import type { BillingEventKind, BillingEventWire } from '#libs/contracts/subscriptions.ts';

export type EventData = Readonly<Record<string, string | number | boolean | null>>;

/** An event in the history of a subscription. */
export type BillingEventDraft = {
  kind: BillingEventKind;
  /** The object of the event; each kind is recorded once for it. Left out where the event may happen repeatedly. */
  subject?: string;
  at: Date;
  data: EventData;
};

export type BillingEvent = Required<BillingEventDraft> & { id: string; accountId: string };

export function presentEvent({ id, accountId, kind, subject, at, data }: BillingEvent): BillingEventWire {
  return { id, account_id: accountId, kind, subject, occurred_at: at.toISOString(), data };
}
