import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { StopNotice } from '#libs/service/refusal.ts';
import type { ReadLimits } from '../entitlements/domain/plan-context.ts';
import type { Idempotency } from '../idempotency/domain.ts';
import type { PriceBook } from '../prices/domain.ts';
import type { PlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import type { Forward } from './forward.ts';

/** What the pipeline works with; the same for every request. */
export type Metering = {
  ledger: Pick<Ledger, 'hold' | 'close'>;
  now: () => Date;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  readLimits: ReadLimits;
  priceBook: PriceBook;
  planRateLimiter: PlanRateLimiter;
  forward: Forward;
  idempotency: Idempotency;
  metrics: Pick<Metrics, 'recordHold'>;
  /** What callers may read about an emergency stop. */
  findStopNotice: (stop: string) => Promise<StopNotice | null>;
  holdTtlMs: number;
};
