/** How payments are collected. Billing keeps what is due and what it buys; a driver only collects. */
import type { Cycle } from '../subscriptions/domain/period.ts';

export type PaymentOrder = {
  accountId: string;
  plan: string;
  cycle: Cycle;
  amountMinor: number;
  currency: 'USD';
  /** Orders with the same key are one order. */
  idempotencyKey: string;
};

export type PaymentOrderResult = {
  /** The driver's own id of the order. */
  id: string;
  /** `paid` where the driver collected the amount at once; an `open` order is reported as paid later. */
  status: 'open' | 'paid';
  /** How the customer pays. */
  instructions: string;
};

export type PaymentPort = {
  /** The driver's name in payment requests. */
  readonly driver: string;
  /** May be repeated with the same key after a crash. */
  readonly requestPayment: (order: PaymentOrder) => Promise<PaymentOrderResult>;
  /** Subscriptions that the provider renews by itself; null where billing renews them. */
  readonly hosted: HostedPayments | null;
};

/** A write with the id of our own row, so that a repetition happens once. */
type Keyed = { idempotencyKey: string };

export type CheckoutOrder = Keyed & {
  accountId: string;
  customerId: string;
  priceId: string;
  seats: number;
  /** 0: no trial. */
  trialDays: number;
  successUrl: string;
  cancelUrl: string;
};

/** An amount of its own, in USD, outside of any subscription. */
export type InvoiceOrder = Keyed & {
  accountId: string;
  customerId: string;
  amountMinor: number;
  description: string;
};

export type ItemTerms = { priceId: string; quantity: number };
export type SubscriptionChange = Keyed & { subscriptionId: string } & ItemTerms;
/** What is absent stays as it is scheduled, or as it is. */
export type ScheduledChange = Keyed & { subscriptionId: string } & Partial<ItemTerms>;

/** Amounts as the provider computes them, in minor units. */
export type InvoicePreview = {
  currency: string;
  subtotalMinor: number;
  totalMinor: number;
  dueMinor: number;
  /** The instant for which unused time is computed; pass it on to be charged the same. */
  prorationAt: Date;
  nextPaymentAt: Date | null;
  lines: readonly InvoicePreviewLine[];
};

export type InvoicePreviewLine = {
  description: string;
  amountMinor: number;
  quantity: number | null;
  periodStart: Date;
  periodEnd: Date;
  proration: boolean;
};

export type CardSummary = {
  id: string;
  kind: string;
  brand: string | null;
  last4: string | null;
  expMonth: number | null;
  expYear: number | null;
  isDefault: boolean;
};

/** `action_required`: the customer pays, or authenticates the payment, on the page. Nothing changes before. */
export type ChangeResult = { kind: 'changed' } | { kind: 'action_required'; url: string | null };

/** A payment provider with hosted pages and subscriptions. Refusals of a card are results, other failures exceptions. */
export type HostedPayments = {
  /** @returns the provider's id. One account has one customer. */
  readonly createCustomer: (customer: {
    accountId: string;
    name: string;
    email: string | null;
  }) => Promise<string>;
  /** The active price of a plan; undefined where the catalogue was not synchronised. */
  readonly findPrice: (plan: { planKey: string; cycle: Cycle }) => Promise<string | undefined>;
  readonly startCheckout: (order: CheckoutOrder) => Promise<{ id: string; url: string; expiresAt: Date }>;
  /** Ends an open session; a finished one stays as it is. */
  readonly expireCheckout: (sessionId: string) => Promise<void>;
  readonly openPortal: (of: Keyed & { customerId: string; returnUrl: string }) => Promise<string>;
  readonly previewChange: (
    of: { subscriptionId: string } & ItemTerms & { at: Date },
  ) => Promise<InvoicePreview>;
  /** The next invoice; null where none is due. */
  readonly previewUpcoming: (subscriptionId: string) => Promise<InvoicePreview | null>;
  /** Changes plan or quantity now and charges the difference. A scheduled change ends once it is paid. */
  readonly changeNow: (change: SubscriptionChange & { at: Date }) => Promise<ChangeResult>;
  /** Changes plan, cycle or seats when the period ends. */
  readonly changeAtPeriodEnd: (change: ScheduledChange) => Promise<void>;
  /** Withdraws a scheduled change. */
  readonly keepPlan: (of: Keyed & { subscriptionId: string }) => Promise<void>;
  readonly cancel: (of: Keyed & { subscriptionId: string; when: 'now' | 'period_end' }) => Promise<void>;
  /** Withdraws a cancellation. */
  readonly resume: (of: Keyed & { subscriptionId: string }) => Promise<void>;
  /** Stops or resumes the collection of payments. */
  readonly setPaused: (of: Keyed & { subscriptionId: string; isPaused: boolean }) => Promise<void>;
  /** Pays back what an invoice collected. @returns the provider's id of the refund. */
  readonly refund: (
    of: Keyed & { paymentId: string; amountMinor: number; accountId: string },
  ) => Promise<string>;
  /** Credits a part of an invoice: a paid one to the customer's balance. @returns the provider's id. */
  readonly creditInvoice: (
    of: Keyed & { invoiceId: string; amountMinor: number; memo: string; isPaid: boolean },
  ) => Promise<string>;
  /** Invoices an amount and charges the card on file. @returns the provider's id of the invoice, paid or open. */
  readonly invoiceOnce: (order: InvoiceOrder) => Promise<string>;
  readonly listCards: (customerId: string) => Promise<CardSummary[]>;
};
