import { z } from 'zod';
import { durationMs, httpUrl, integer, list } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';
import { createManualPayments } from './payments/manual/driver.ts';
import type { PaymentPort } from './payments/port.ts';
import { createStripe, type StripeConnection } from './payments/stripe/connection.ts';

/** One period must end before the next payment is requested, and the shortest month has 28 days. */
const MAX_GRACE_DAYS = 27;

export const configSchema = z.object({
  ...serviceVariables(8081),
  ...backendVariables(),
  PAYMENT_GRACE_DAYS: integer({ min: 1, max: MAX_GRACE_DAYS })
    .prefault('3')
    .describe('Days for which a renewed plan stays active before its renewal is paid; then the plan ends'),
  PAYMENT_REQUEST_DAYS: integer({ min: 1, max: 365 })
    .prefault('30')
    .describe('Days for which the price of a payment request holds'),
  PAYMENT_INSTRUCTIONS: z
    .string()
    .min(1)
    .prefault(
      'Pay {amount} as agreed with us, and state {reference}. The plan changes when the payment arrives.',
    )
    .describe('Instructions for manual payments; {amount} and {reference} are replaced'),
  STRIPE_SECRET_KEY: z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe('Key of a Stripe account that collects payments; without one, payments are manual'),
  STRIPE_WEBHOOK_SECRET: list()
    .pipe(z.array(z.string()).max(2))
    .prefault('')
    .meta({ secret: true })
    .describe(
      'Signing secret of the webhook endpoint at Stripe; two, separated by a comma, while it is rotated',
    ),
  STRIPE_HOST: httpUrl().optional().describe("Address of Stripe's API; set it for a simulator only"),
  CHECKOUT_RETURN_ORIGINS: list()
    .pipe(z.array(httpUrl()))
    .prefault('')
    .describe(
      'Origins to which checkout and portal may return, separated by commas; the first is the default',
    ),
  RENEWAL_INTERVAL: durationMs()
    .prefault('30s')
    .describe('Pause between two runs of the renewal of subscriptions'),
  REMINDER_INTERVAL: durationMs().prefault('5m').describe('Pause between two runs of the trial reminders'),
});

/** How customers pay. */
export type PaymentTerms = {
  payments: PaymentPort;
  graceDays: number;
  requestDays: number;
  returnOrigins: readonly string[];
  /** Null where payments are manual. */
  stripe: Omit<StripeConnection, 'payments'> | null;
};

/** @throws TypeError for a Stripe key without a webhook secret, and for a movable clock with Stripe's real one. */
export function toPaymentTerms(
  variables: Pick<
    z.output<typeof configSchema>,
    | 'PAYMENT_GRACE_DAYS'
    | 'PAYMENT_REQUEST_DAYS'
    | 'PAYMENT_INSTRUCTIONS'
    | 'STRIPE_SECRET_KEY'
    | 'STRIPE_WEBHOOK_SECRET'
    | 'STRIPE_HOST'
    | 'CHECKOUT_RETURN_ORIGINS'
    | 'CLOCK_FILE'
  >,
): PaymentTerms {
  const {
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_WEBHOOK_SECRET: webhookSecrets,
    STRIPE_HOST: host,
  } = variables;
  const terms = {
    graceDays: variables.PAYMENT_GRACE_DAYS,
    requestDays: variables.PAYMENT_REQUEST_DAYS,
    returnOrigins: variables.CHECKOUT_RETURN_ORIGINS.map((url) => new URL(url).origin),
  };
  if (secretKey === undefined) {
    return { ...terms, payments: createManualPayments(variables.PAYMENT_INSTRUCTIONS), stripe: null };
  }
  if (variables.CLOCK_FILE !== undefined && host === undefined) {
    throw new TypeError(
      'CLOCK_FILE moves the clock of a local installation. It is refused with a real Stripe account.',
    );
  }
  if (webhookSecrets.length === 0) {
    throw new TypeError('Set STRIPE_WEBHOOK_SECRET: without it, deliveries of Stripe cannot be verified.');
  }
  const { payments, ...stripe } = createStripe({ secretKey, webhookSecrets, host });
  return { ...terms, payments, stripe };
}
