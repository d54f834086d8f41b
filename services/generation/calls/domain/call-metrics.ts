import type { UnitClass } from '#libs/pricing/units.ts';
import type { ProviderOutcome, SettleOutcome } from '#libs/service/metrics.ts';
import type { EndReason } from '../../requests/domain/active-requests.ts';

/** What is measured of provider calls. */
export type CallMetrics = {
  readonly recordProviderCall: (provider: string, outcome: ProviderOutcome, ms: number) => void;
  readonly recordProviderRetry: (provider: string) => void;
  readonly recordSettle: (outcome: SettleOutcome, ms: number) => void;
  readonly recordTokens: (provider: string, unitClass: UnitClass, count: number) => void;
  readonly recordAborted: (provider: string, reason: EndReason) => void;
};
