import { formatDecimal } from '#libs/money/money.ts';
import type { PaymentPort } from '../port.ts';

/**
 * The driver without a payment provider: customers pay by other means, and staff mark the request as paid.
 *
 * @param instructions text for the customer, with the placeholders `{amount}` and `{reference}`.
 */
export function createManualPayments(instructions: string): PaymentPort {
  return {
    driver: 'manual',
    hosted: null,
    async requestPayment({ amountMinor, currency, idempotencyKey }) {
      const text = instructions
        .replaceAll('{amount}', `${formatDecimal(BigInt(amountMinor), 2)} ${currency}`)
        .replaceAll('{reference}', idempotencyKey);
      return { id: idempotencyKey, status: 'open', instructions: text };
    },
  };
}
