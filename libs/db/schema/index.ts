export * from './audit.ts';
export * from './billing.ts';
export * from './gateway.ts';
export * from './generation.ts';
export * from './ledger.ts';
export * from './metering.ts';
export * from './outbox.ts';
export * from './stripe.ts';
