/** Tables of billing: what is sold, and to whom. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { WINDOWS } from '#libs/catalogue/limit.ts';
import { MIGRATIONS } from '#libs/contracts/catalogues.ts';
import type { FlagRuleWire } from '#libs/contracts/flags.ts';
import type { GuardRailFigures } from '#libs/contracts/guard-rails.ts';
import { OUTCOME_GOALS, OUTCOME_STATUSES } from '#libs/contracts/outcome-kinds.ts';
import type { OverrideTerms } from '#libs/contracts/overrides.ts';
import type { BillingEventKind } from '#libs/contracts/subscriptions.ts';
import { instant } from './columns.ts';

type ScheduledChangeJson = {
  plan_key: string;
  cycle: 'month' | 'year';
  catalogue_version_id: string;
  moves_to?: string | null;
};

type PausedTermsJson = { plan_key: string; cycle: 'month' | 'year'; seats: number | null };

/** An imported catalogue file. It never changes: subscriptions pin the version they were sold under. */
export const catalogueVersions = pgTable(
  'catalogue_versions',
  {
    id: uuid('id').primaryKey(),
    catalogueId: text('catalogue_id').notNull(),
    version: integer('version').notNull(),
    contentHash: text('content_hash').notNull(),
    /** The text of the file, which `libs/catalogue` parses. */
    source: text('source').notNull(),
    author: text('author').notNull(),
    createdAt: instant('created_at').notNull(),
    /** When it was imported, activated or replaced. */
    updatedAt: instant('updated_at').notNull().defaultNow(),
    /** New subscriptions take the active version; at most one is. */
    active: boolean('active').notNull(),
  },
  (table) => [
    uniqueIndex('catalogue_versions_number').on(table.catalogueId, table.version),
    uniqueIndex('catalogue_versions_hash').on(table.catalogueId, table.contentHash),
    uniqueIndex('catalogue_versions_active').on(table.active).where(sql`active`),
  ],
);

export const subscriptions = pgTable(
  'subscriptions',
  {
    accountId: uuid('account_id').primaryKey(),
    catalogueVersionId: uuid('catalogue_version_id').notNull(),
    planKey: text('plan_key').notNull(),
    cycle: text('cycle', { enum: ['month', 'year'] }).notNull(),
    status: text('status', { enum: ['active', 'trialing', 'past_due', 'cancelled', 'suspended'] }).notNull(),
    anchor: instant('anchor').notNull(),
    currentPeriodStart: instant('current_period_start').notNull(),
    currentPeriodEnd: instant('current_period_end').notNull(),
    cancelAtPeriodEnd: boolean('cancel_at_period_end').notNull().default(false),
    trialEndsAt: instant('trial_ends_at'),
    /** The plan ends at this time unless the account pays or resumes first; null: it does not end by time. */
    accessEndsAt: instant('access_ends_at'),
    /** Assigned by staff: renews without payment. */
    complimentary: boolean('complimentary').notNull().default(false),
    /** The amount paid for the current period, where its plan has since moved to another catalogue version. */
    periodPaidMinor: integer('period_paid_minor'),
    /** Seats bought in addition to the plan; null where the plan alone decides. */
    seats: integer('seats'),
    /** Seats from the next period on; null where they stay. The provider's subscriptions have their own. */
    scheduledSeats: integer('scheduled_seats'),
    /** What a pause of payments that billing collects returns to; null where none is paused. */
    pausedTerms: jsonb('paused_terms').$type<PausedTermsJson>(),
    /** The payment provider's subscription, which renews this one; null where billing renews it. */
    externalId: text('external_id'),
    /** A change that takes effect when the period ends. */
    scheduledChange: jsonb('scheduled_change').$type<ScheduledChangeJson>(),
    /** When time next changes the subscription; `renew-subscriptions` reads it. */
    dueAt: instant('due_at').generatedAlwaysAs(sql`least(current_period_end, trial_ends_at, access_ends_at)`),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    index('subscriptions_version').on(table.catalogueVersionId),
    index('subscriptions_due').on(table.dueAt, table.accountId),
    uniqueIndex('subscriptions_external').on(table.externalId),
  ],
);

/** Limits of single API keys, in addition to those of their account's plan. */
export const keyLimits = pgTable(
  'key_limits',
  {
    accountId: uuid('account_id').notNull(),
    keyId: uuid('key_id').notNull(),
    meter: text('meter').notNull(),
    window: text('win', { enum: WINDOWS }).notNull(),
    /** In the meter's own unit: nano-USD for `cost`, otherwise pieces. */
    amount: bigint('amount', { mode: 'bigint' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.keyId, table.meter, table.window] })],
);

// Adjustments of staff to the plans.

/** A temporary or permanent adjustment of one account. Rows are ended, never deleted. */
export const accountOverrides = pgTable(
  'account_overrides',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    /** Amounts are text. */
    terms: jsonb('terms').$type<OverrideTerms>().notNull(),
    reason: text('reason').notNull(),
    author: text('author').notNull(),
    validFrom: instant('valid_from').notNull(),
    /** Null: until it is ended. */
    validUntil: instant('valid_until'),
    createdAt: instant('created_at').notNull(),
    endedAt: instant('ended_at'),
    endedBy: text('ended_by'),
  },
  (table) => [index('account_overrides_account').on(table.accountId, table.id)],
);

/** Groups of accounts that staff maintain, such as `new_tester`. */
export const accountSegments = pgTable(
  'account_segments',
  {
    accountId: uuid('account_id').notNull(),
    segment: text('segment').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.segment] })],
);

export const featureFlags = pgTable('feature_flags', {
  key: text('key').primaryKey(),
  description: text('description').notNull(),
  /** The feature it decides; null: the feature with the name of the flag. */
  feature: text('feature'),
  enabled: boolean('enabled').notNull(),
  /** In the order of their evaluation. */
  rules: jsonb('rules').$type<FlagRuleWire[]>().notNull(),
  author: text('author').notNull(),
  updatedAt: instant('updated_at').notNull(),
});

/** Settings of staff for the emergency limits of the catalogue. The most specific target applies. */
export const guardRailSettings = pgTable(
  'guard_rail_settings',
  {
    targetKind: text('target_kind', { enum: ['global', 'plan', 'account'] }).notNull(),
    /** Plan key or account id; empty for the global one. */
    target: text('target').notNull(),
    enabled: boolean('enabled').notNull(),
    /** Replace the catalogue's figures: text, or null for none. A missing figure is the catalogue's. */
    figures: jsonb('figures').$type<GuardRailFigures>().notNull(),
    reason: text('reason').notNull(),
    author: text('author').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.targetKind, table.target] })],
);

/** A pass over the accounts, in batches, after a change that affects many of them. */
export const rollouts = pgTable(
  'rollouts',
  {
    id: uuid('id').primaryKey(),
    kind: text('kind', { enum: ['catalogue', 'guard_rail'] }).notNull(),
    /** The catalogue version, or `global` or `plan:<key>` of a guard rail. */
    subject: text('subject').notNull(),
    /** What happens to existing subscriptions; null for a guard rail. */
    migration: text('migration', { enum: MIGRATIONS }),
    state: text('state', { enum: ['running', 'done', 'superseded'] }).notNull(),
    accountsTotal: integer('accounts_total').notNull(),
    accountsDone: integer('accounts_done').notNull(),
    accountsFailed: integer('accounts_failed').notNull(),
    /** Accounts up to this one are done. */
    lastAccountId: uuid('last_account_id'),
    author: text('author').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    finishedAt: instant('finished_at'),
  },
  (table) => [index('rollouts_running').on(table.createdAt).where(sql`state = 'running'`)],
);

// Payment requests, trials and the history of subscriptions.

/** Requests for payments. An account has at most one open request. */
export const paymentRequests = pgTable(
  'payment_requests',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    /** A plan from the time of payment, an upgrade for the rest of the period, or the current period. */
    kind: text('kind', { enum: ['new_period', 'rest_of_period', 'renewal'] }).notNull(),
    catalogueVersionId: uuid('catalogue_version_id').notNull(),
    planKey: text('plan_key').notNull(),
    cycle: text('cycle', { enum: ['month', 'year'] }).notNull(),
    /** Seats that are paid for; null where the plan alone decides. */
    seats: integer('seats'),
    /** In minor units (cents). */
    amountMinor: integer('amount_minor').notNull(),
    currency: text('currency', { enum: ['USD'] }).notNull(),
    status: text('status', { enum: ['open', 'paid', 'void'] }).notNull(),
    /** The payment driver, its own id and its instructions; the latter two once it has accepted the request. */
    driver: text('driver').notNull(),
    driverReference: text('driver_reference'),
    instructions: text('instructions'),
    /** What it pays for. Null before a new period is paid, and in requests of versions that did not record it. */
    periodStart: instant('period_start'),
    periodEnd: instant('period_end'),
    createdAt: instant('created_at').notNull(),
    /** An open request is void from here on. */
    expiresAt: instant('expires_at').notNull(),
    settledAt: instant('settled_at'),
    /** A user's id or the name of a driver or program. */
    settledBy: text('settled_by'),
    note: text('note'),
  },
  (table) => [
    uniqueIndex('payment_requests_open').on(table.accountId).where(sql`status = 'open'`),
    index('payment_requests_expiry').on(table.expiresAt).where(sql`status = 'open'`),
    index('payment_requests_account').on(table.accountId, table.id),
  ],
);

/** All trials, also ended ones: one per account. */
export const trials = pgTable(
  'trials',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    catalogueVersionId: uuid('catalogue_version_id').notNull(),
    planKey: text('plan_key').notNull(),
    startedAt: instant('started_at').notNull(),
    endsAt: instant('ends_at').notNull(),
    /** When it ended: on time, or earlier by a payment or by staff. */
    endedAt: instant('ended_at'),
    /** When the account first paid for a plan, during the trial or after it. */
    convertedAt: instant('converted_at'),
  },
  (table) => [
    uniqueIndex('trials_account').on(table.accountId),
    index('trials_running').on(table.endsAt).where(sql`ended_at IS NULL`),
  ],
);

/** Owners who have had a trial in any account, as SHA-256 of their normalised addresses. */
export const trialIdentities = pgTable('trial_identities', {
  emailHash: text('email_hash').primaryKey(),
  trialId: uuid('trial_id').notNull(),
});

/** The history of subscriptions. Each kind is recorded once for a subject. */
export const billingEvents = pgTable(
  'billing_events',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    kind: text('kind').$type<BillingEventKind>().notNull(),
    /** The object of the event, such as the id of a trial or a payment request. */
    subject: text('subject').notNull(),
    data: jsonb('data').$type<Record<string, string | number | boolean | null>>().notNull(),
    occurredAt: instant('occurred_at').notNull(),
  },
  (table) => [
    uniqueIndex('billing_events_once').on(table.accountId, table.kind, table.subject),
    index('billing_events_account').on(table.accountId, table.id),
  ],
);

// Outcome-based billing. Values are exact decimal texts.

/** Fees that depend on what was achieved. */
export const outcomeAgreements = pgTable(
  'outcome_agreements',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    goal: text('goal', { enum: OUTCOME_GOALS }).notNull(),
    baseline: numeric('baseline').notNull(),
    /** Other than the baseline; below it where less is better. */
    target: numeric('target').notNull(),
    /** For the whole target, in minor units (cents) of USD. */
    feeMinor: integer('fee_minor').notNull(),
    startsAt: instant('starts_at').notNull(),
    endsAt: instant('ends_at').notNull(),
    status: text('status', { enum: OUTCOME_STATUSES }).notNull(),
    /** Whole percent of the way from baseline to target, by the latest measurement of the period. */
    achievedPercent: integer('achieved_percent').notNull(),
    /** What is payable; null until it is settled. */
    amountMinor: integer('amount_minor'),
    /** The payment provider's invoice; null where none was made. */
    invoiceId: text('invoice_id'),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    index('outcome_agreements_account').on(table.accountId, table.id),
    uniqueIndex('outcome_agreements_invoice').on(table.invoiceId),
  ],
);

/** Figures of an agreement, as staff entered them. They never change. */
export const outcomeMeasurements = pgTable(
  'outcome_measurements',
  {
    id: uuid('id').primaryKey(),
    agreementId: uuid('agreement_id').notNull(),
    value: numeric('value').notNull(),
    measuredAt: instant('measured_at').notNull(),
    /** Where the figure comes from. */
    source: text('source').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('outcome_measurements_agreement').on(table.agreementId, table.measuredAt, table.id)],
);

/** Milestones that an agreement has reached, each once: they were emitted with this row. */
export const outcomeMilestones = pgTable(
  'outcome_milestones',
  {
    agreementId: uuid('agreement_id').notNull(),
    percent: integer('percent').notNull(),
    /** Of the measurement that reached it. */
    reachedAt: instant('reached_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.agreementId, table.percent] })],
);
