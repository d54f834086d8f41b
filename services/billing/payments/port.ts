/** How money is collected. Billing keeps what is owed and what it is for; a driver only collects. */
import type { Cycle } from '../subscriptions/period.ts';

export type PaymentOrder = {
  accountId: string;
  plan: string;
  cycle: Cycle;
  amountMinor: number;
  currency: 'USD';
  /** Ordering twice under one key is ordering once. */
  idempotencyKey: string;
};

export type PaymentOrderAnswer = {
  /** What the driver calls the order. */
  id: string;
  /** `paid` where the money was there at once; else somebody tells billing when it is. */
  status: 'open' | 'paid';
  /** For the customer: what to do. */
  instructions: string;
};

export type PaymentPort = {
  /** Names the driver in the books. */
  readonly driver: string;
  /** May be repeated with the same key after a crash. */
  readonly requestPayment: (order: PaymentOrder) => Promise<PaymentOrderAnswer>;
};
