import { z } from 'zod';
import { durationMs, integer } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';

/** The shortest month has 28 days, and one period must be over before the next is asked for. */
const MAX_GRACE_DAYS = 27;

export const configSchema = z.object({
  ...serviceVariables(8081),
  ...backendVariables(),
  PAYMENT_GRACE_DAYS: integer({ min: 1, max: MAX_GRACE_DAYS })
    .prefault('3')
    .describe('Days that a renewed plan is served before its renewal is paid; then the plan is lost'),
  PAYMENT_REQUEST_DAYS: integer({ min: 1, max: 365 })
    .prefault('30')
    .describe('Days that the price of a payment request holds'),
  PAYMENT_INSTRUCTIONS: z
    .string()
    .min(1)
    .prefault('Pay {amount} as agreed with us, and state {reference}. The plan changes when it has arrived.')
    .describe('What customers are told who pay by hand; {amount} and {reference} stand for theirs'),
  RENEWAL_INTERVAL: durationMs()
    .prefault('30s')
    .describe('Pause between two passes over subscriptions to renew, change or end'),
  REMINDER_INTERVAL: durationMs()
    .prefault('5m')
    .describe('Pause between two looks for trials that are about to end'),
});
