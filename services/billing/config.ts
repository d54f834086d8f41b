import { z } from 'zod';
import { durationMs, integer } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';
import { createManualPayments } from './payments/manual/driver.ts';
import type { PaymentPort } from './payments/port.ts';

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
  RENEWAL_INTERVAL: durationMs()
    .prefault('30s')
    .describe('Pause between two runs of the renewal of subscriptions'),
  REMINDER_INTERVAL: durationMs().prefault('5m').describe('Pause between two runs of the trial reminders'),
});

/** How customers pay. */
export type PaymentTerms = { payments: PaymentPort; graceDays: number; requestDays: number };

export function toPaymentTerms(
  variables: Pick<
    z.output<typeof configSchema>,
    'PAYMENT_GRACE_DAYS' | 'PAYMENT_REQUEST_DAYS' | 'PAYMENT_INSTRUCTIONS'
  >,
): PaymentTerms {
  return {
    payments: createManualPayments(variables.PAYMENT_INSTRUCTIONS),
    graceDays: variables.PAYMENT_GRACE_DAYS,
    requestDays: variables.PAYMENT_REQUEST_DAYS,
  };
}
