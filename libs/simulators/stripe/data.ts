/** Everything the simulated Stripe account holds, and the file that keeps it between starts. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type Stripe from 'stripe';

/** What happens when a card is charged. `challenge` needs the cardholder, who is only there at checkout. */
export type CardBehaviour = 'ok' | 'declined' | 'challenge';

/** An amount debited for a subscription item and a period. Flexible billing credits from it, never from a price. */
export type Debit = {
  amount: number;
  start: number;
  end: number;
  description: string;
  price: string;
  quantity: number;
  invoice: string;
  line: string;
};

type CartItem = { price: string; quantity: number };
type PendingItem = CartItem & { id: string };

type Table<Row> = Record<string, Row>;

export type Delivery = { event: string; endpoint: number; attempt: number; dueMs: number };

export type StoredResponse = { fingerprint: string; status: number; body: string };

export type StripeData = {
  series: string;
  counter: number;
  /** How far the account's clock is ahead of the machine's. */
  offsetMs: number;
  customers: Table<Stripe.Customer>;
  products: Table<Stripe.Product>;
  prices: Table<Stripe.Price>;
  paymentMethods: Table<Stripe.PaymentMethod>;
  subscriptions: Table<Stripe.Subscription>;
  schedules: Table<Stripe.SubscriptionSchedule>;
  invoices: Table<Stripe.Invoice>;
  invoiceItems: Table<Stripe.InvoiceItem>;
  invoicePayments: Table<Stripe.InvoicePayment>;
  paymentIntents: Table<Stripe.PaymentIntent>;
  charges: Table<Stripe.Charge>;
  refunds: Table<Stripe.Refund>;
  creditNotes: Table<Stripe.CreditNote>;
  disputes: Table<Stripe.Dispute>;
  coupons: Table<Stripe.Coupon>;
  promotionCodes: Table<Stripe.PromotionCode>;
  discounts: Table<Stripe.Discount>;
  checkoutSessions: Table<Stripe.Checkout.Session>;
  portalSessions: Table<Stripe.BillingPortal.Session>;
  testClocks: Table<Stripe.TestHelpers.TestClock>;
  events: Stripe.EventBase[];
  cards: Table<CardBehaviour>;
  /** By subscription item. */
  debits: Table<Debit[]>;
  /** Lines for the next invoice, by customer. */
  pendingLines: Table<Stripe.InvoiceLineItem[]>;
  /** The items that a subscription gets once its open invoice is paid, by invoice. */
  pendingItems: Table<{ subscription: string; items: PendingItem[]; prorationDate: number }>;
  /** What a checkout session sells, by session. */
  carts: Table<{ items: CartItem[]; trialDays: number; metadata: Record<string, string> }>;
  /** Trials whose end was announced. */
  announcedTrials: Table<true>;
  announcedRenewals: Table<number>;
  deliveries: Delivery[];
  idempotency: Table<StoredResponse>;
};

export function emptyData(series: string): StripeData {
  return {
    series,
    counter: 0,
    offsetMs: 0,
    customers: {},
    products: {},
    prices: {},
    paymentMethods: {},
    subscriptions: {},
    schedules: {},
    invoices: {},
    invoiceItems: {},
    invoicePayments: {},
    paymentIntents: {},
    charges: {},
    refunds: {},
    creditNotes: {},
    disputes: {},
    coupons: {},
    promotionCodes: {},
    discounts: {},
    checkoutSessions: {},
    portalSessions: {},
    testClocks: {},
    events: [],
    cards: {},
    debits: {},
    pendingLines: {},
    pendingItems: {},
    carts: {},
    announcedTrials: {},
    announcedRenewals: {},
    deliveries: [],
    idempotency: {},
  };
}

/** A large account is written less often, so that writing takes a small share of the time. */
const PAUSE_PER_WRITE = 20;

export type OpenData = {
  data: StripeData;
  /** Writes the account to its file, soon. */
  save: () => void;
  /** Writes what is not written yet. */
  close: () => void;
};

/** Reads the account from a file, or begins a new one. Without a file it lives in memory. */
export function openData(file: string | undefined, series: string): OpenData {
  if (file === undefined) return { data: emptyData(series), save: () => {}, close: () => {} };
  const data: StripeData = existsSync(file)
    ? { ...emptyData(series), ...JSON.parse(readFileSync(file, 'utf8')) }
    : emptyData(series);
  mkdirSync(path.dirname(file), { recursive: true });
  let timer: NodeJS.Timeout | undefined;
  let pausedUntil = 0;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const startedAt = performance.now();
    // A crash while writing must not lose the account.
    writeFileSync(`${file}.next`, JSON.stringify(data));
    renameSync(`${file}.next`, file);
    const now = performance.now();
    pausedUntil = now + (now - startedAt) * PAUSE_PER_WRITE;
  };
  return {
    data,
    save: () => {
      const pauseMs = pausedUntil - performance.now();
      if (pauseMs <= 0) write();
      else timer ??= setTimeout(write, pauseMs);
    },
    close: write,
  };
}
