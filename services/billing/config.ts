import { z } from 'zod';
import { durationMs, httpUrl, integer, list } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';
import { createManualPayments } from './payments/manual/driver.ts';
import type { PaymentPort } from './payments/port.ts';
import { createStripe, type StripeConnection } from './payments/stripe/connection.ts';

export const configSchema = z.object({
  ...serviceVariables(8081),
  ...backendVariables(),
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
  STRIPE_REQUESTS_PER_SECOND: integer({ min: 1, max: 100_000 })
    .prefault('80')
    .describe(
      'Requests to Stripe a second, of each process of billing; Stripe allows 100, and 25 in test mode',
    ),
  CHECKOUT_RETURN_ORIGINS: list()
    .pipe(z.array(httpUrl()))
    .prefault('')
    .describe(
      'Origins to which checkout and portal may return, separated by commas; the first is the default',
    ),
  PAYMENT_PAGES_URL: httpUrl()
    .prefault('http://127.0.0.1:8080')
    .describe('Where browsers reach the gateway, for the pages of manual payments'),
  RENEWAL_INTERVAL: durationMs()
    .prefault('30s')
    .describe('Pause between two runs of the renewal of subscriptions'),
  REMINDER_INTERVAL: durationMs().prefault('5m').describe('Pause between two runs of the trial reminders'),
});

/** How customers pay. */
export type PaymentTerms = {
  payments: PaymentPort;
  requestDays: number;
  returnOrigins: readonly string[];
  apiUrl: string;
  /** Null where payments are manual. */
  stripe: Omit<StripeConnection, 'payments'> | null;
};

/** @throws TypeError for a Stripe key without a webhook secret, and for a movable clock with Stripe's real one. */
export function toPaymentTerms(
  variables: Pick<
    z.output<typeof configSchema>,
    | 'PAYMENT_REQUEST_DAYS'
    | 'PAYMENT_INSTRUCTIONS'
    | 'STRIPE_SECRET_KEY'
    | 'STRIPE_WEBHOOK_SECRET'
    | 'STRIPE_HOST'
    | 'STRIPE_REQUESTS_PER_SECOND'
    | 'CHECKOUT_RETURN_ORIGINS'
    | 'PAYMENT_PAGES_URL'
    | 'CLOCK_FILE'
  >,
): PaymentTerms {
  const {
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_WEBHOOK_SECRET: webhookSecrets,
    STRIPE_HOST: host,
  } = variables;
  const terms = {
    requestDays: variables.PAYMENT_REQUEST_DAYS,
    apiUrl: variables.PAYMENT_PAGES_URL.replace(/\/$/, ''),
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
  const { payments, ...stripe } = createStripe({
    ...{ secretKey, webhookSecrets, host },
    requestsPerSecond: variables.STRIPE_REQUESTS_PER_SECOND,
  });
  return { ...terms, payments, stripe };
}
