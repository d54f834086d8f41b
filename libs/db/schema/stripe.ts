/** Tables of billing that mirror a Stripe account, or belong to the work with it. Amounts are in minor units. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgSequence,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Numbers the reads of Stripe's objects, so that an older read never replaces a newer one. */
export const stripeReads = pgSequence('stripe_reads');

/** Of the read that a row was written from. */
const readNumber = () => bigint('read_number', { mode: 'bigint' }).notNull();

/** One customer for each account. */
export const stripeCustomers = pgTable(
  'stripe_customers',
  {
    accountId: uuid('account_id').primaryKey(),
    customerId: text('customer_id').notNull(),
    createdAt: instant('created_at').notNull(),
    /** When it was deleted at Stripe. */
    deletedAt: instant('deleted_at'),
  },
  (table) => [uniqueIndex('stripe_customers_customer').on(table.customerId)],
);

/** Checkout sessions that accounts asked for; at most one is open. The id is the idempotency key. */
export const stripeCheckouts = pgTable(
  'stripe_checkouts',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    planKey: text('plan_key').notNull(),
    cycle: text('cycle', { enum: ['month', 'year'] }).notNull(),
    priceId: text('price_id').notNull(),
    seats: integer('seats').notNull(),
    trialDays: integer('trial_days').notNull(),
    successUrl: text('success_url').notNull(),
    cancelUrl: text('cancel_url').notNull(),
    status: text('status', { enum: ['open', 'complete', 'expired'] }).notNull(),
    /** Null until Stripe has made the session. */
    sessionId: text('session_id'),
    url: text('url'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('stripe_checkouts_open').on(table.accountId).where(sql`status = 'open'`),
    uniqueIndex('stripe_checkouts_session').on(table.sessionId),
  ],
);

/** Events by their id, kept for good: Stripe delivers some of them more than once. */
export const stripeInbox = pgTable(
  'stripe_inbox',
  {
    eventId: text('event_id').primaryKey(),
    type: text('type').notNull(),
    /** The object to read again; null where the event names none. */
    objectId: text('object_id'),
    customerId: text('customer_id'),
    /** Of an invoice, so that it need not be read to find it. */
    subscriptionId: text('subscription_id'),
    apiVersion: text('api_version'),
    source: text('source', { enum: ['webhook', 'reconciliation'] }).notNull(),
    receivedAt: instant('received_at').notNull(),
    processedAt: instant('processed_at'),
    /** What was done: `synced`, `ignored`, `unknown_type`, `unknown_customer`, `other_mode`. */
    outcome: text('outcome'),
  },
  () => [
    // What one job processes: the waiting events of a customer.
    index('stripe_inbox_waiting')
      .on(sql`coalesce(customer_id, object_id, event_id)`)
      .where(sql`processed_at IS NULL`),
  ],
);

/** Subscriptions at Stripe as last read. An account has at most one that counts. */
export const stripeSubscriptions = pgTable(
  'stripe_subscriptions',
  {
    id: text('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    customerId: text('customer_id').notNull(),
    /** Stripe's own word, which may be one that this version does not know. */
    status: text('status').notNull(),
    /** Null where the price is not one of ours. */
    planKey: text('plan_key'),
    cycle: text('cycle', { enum: ['month', 'year'] }),
    priceId: text('price_id').notNull(),
    quantity: integer('quantity').notNull(),
    /** Seats from the end of the period on; null where they stay. */
    scheduledQuantity: integer('scheduled_quantity'),
    currentPeriodStart: instant('current_period_start').notNull(),
    currentPeriodEnd: instant('current_period_end').notNull(),
    /** End of the last period that was paid or tried. */
    paidThrough: instant('paid_through').notNull(),
    trialEndsAt: instant('trial_ends_at'),
    cancelAt: instant('cancel_at'),
    isPaused: boolean('is_paused').notNull(),
    scheduleId: text('schedule_id'),
    latestInvoiceId: text('latest_invoice_id'),
    createdAt: instant('created_at').notNull(),
    endedAt: instant('ended_at'),
    /** The account had another subscription, or its owner a trial, when this one appeared: it is cancelled and refunded. */
    isDuplicate: boolean('is_duplicate').notNull(),
    readNumber: readNumber(),
    readAt: instant('read_at').notNull(),
  },
  (table) => [
    uniqueIndex('stripe_subscriptions_one')
      .on(table.accountId)
      .where(sql`NOT is_duplicate AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')`),
    index('stripe_subscriptions_account').on(table.accountId),
  ],
);

export type InvoiceLineJson = {
  description: string;
  amount_minor: number;
  quantity: number | null;
  period_start: string;
  period_end: string;
  proration: boolean;
};

export const invoices = pgTable(
  'invoices',
  {
    id: text('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    subscriptionId: text('subscription_id'),
    number: text('number'),
    status: text('status').notNull(),
    reason: text('reason'),
    currency: text('currency').notNull(),
    subtotalMinor: integer('subtotal_minor').notNull(),
    totalMinor: integer('total_minor').notNull(),
    dueMinor: integer('due_minor').notNull(),
    paidMinor: integer('paid_minor').notNull(),
    remainingMinor: integer('remaining_minor').notNull(),
    hostedUrl: text('hosted_url'),
    pdfUrl: text('pdf_url'),
    periodStart: instant('period_start').notNull(),
    periodEnd: instant('period_end').notNull(),
    attemptCount: integer('attempt_count').notNull(),
    nextAttemptAt: instant('next_attempt_at'),
    createdAt: instant('created_at').notNull(),
    paidAt: instant('paid_at'),
    lines: jsonb('lines').$type<InvoiceLineJson[]>().notNull(),
    readNumber: readNumber(),
  },
  (table) => [index('invoices_account').on(table.accountId, table.createdAt)],
);

/** Payments of invoices, by payment intent. */
export const payments = pgTable(
  'payments',
  {
    id: text('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    invoiceId: text('invoice_id').notNull(),
    amountMinor: integer('amount_minor').notNull(),
    currency: text('currency').notNull(),
    status: text('status').notNull(),
    createdAt: instant('created_at').notNull(),
    readNumber: readNumber(),
  },
  (table) => [index('payments_invoice').on(table.invoiceId)],
);

export const refunds = pgTable(
  'refunds',
  {
    id: text('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    paymentId: text('payment_id'),
    amountMinor: integer('amount_minor').notNull(),
    currency: text('currency').notNull(),
    status: text('status').notNull(),
    reason: text('reason'),
    createdAt: instant('created_at').notNull(),
    readNumber: readNumber(),
  },
  (table) => [index('refunds_account').on(table.accountId)],
);

/** Requests of staff and of the system to pay money back. The id is the idempotency key. */
export const repayments = pgTable(
  'repayments',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    kind: text('kind', { enum: ['refund', 'credit_note'] }).notNull(),
    invoiceId: text('invoice_id').notNull(),
    amountMinor: integer('amount_minor').notNull(),
    currency: text('currency').notNull(),
    reason: text('reason').notNull(),
    requestedBy: text('requested_by').notNull(),
    requestedAt: instant('requested_at').notNull(),
    /** Stripe's refund or credit note; null until it has been made. */
    externalId: text('external_id'),
    /** SHA-256 of the `Idempotency-Key` of a manual refund. */
    keyHash: text('key_hash'),
  },
  (table) => [
    index('repayments_account').on(table.accountId),
    uniqueIndex('repayments_key').on(table.requestedBy, table.keyHash),
  ],
);

/** Changes of subscriptions that an account or staff asked for. The id is the idempotency key. */
export const stripeChanges = pgTable(
  'stripe_changes',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    subscriptionId: text('subscription_id').notNull(),
    kind: text('kind').notNull(),
    terms: jsonb('terms').$type<Readonly<Record<string, string | number | boolean | null>>>().notNull(),
    requestedBy: text('requested_by').notNull(),
    requestedAt: instant('requested_at').notNull(),
    /** When Stripe had answered; a repetition before that is the same change. */
    answeredAt: instant('answered_at'),
  },
  (table) => [index('stripe_changes_account').on(table.accountId)],
);

/** Differences between Stripe and billing that the last comparison found. */
export const stripeDrift = pgTable('stripe_drift', {
  subscriptionId: text('subscription_id').primaryKey(),
  /** Null where no account has it. */
  accountId: uuid('account_id'),
  /** What differs, by field: ours and Stripe's. */
  differences: jsonb('differences')
    .$type<Record<string, { ours: string | null; theirs: string | null }>>()
    .notNull(),
  foundAt: instant('found_at').notNull(),
});

/** How far the reconciliation with Stripe's list of events has come. */
export const stripeProgress = pgTable('stripe_progress', {
  name: text('name').primaryKey(),
  reachedAt: instant('reached_at').notNull(),
});
