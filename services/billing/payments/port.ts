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
};
