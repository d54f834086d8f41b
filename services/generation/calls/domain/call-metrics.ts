import type { UnitClass } from '#libs/pricing/units.ts';
import type { ProviderOutcome, SettleOutcome } from '#libs/service/metrics.ts';
import type { EndReason } from '../../requests/domain/active-requests.ts';

/** `complete`: the provider reported the usage. `counted`: output could be counted. `bound`: neither, until the end. */
export type DrainOutcome = 'complete' | 'counted' | 'bound';

/** What is measured of provider calls. */
export type CallMetrics = {
  readonly recordProviderCall: (provider: string, outcome: ProviderOutcome, ms: number) => void;
  readonly recordProviderRetry: (provider: string) => void;
  readonly recordSettle: (outcome: SettleOutcome, ms: number) => void;
  readonly recordTokens: (provider: string, unitClass: UnitClass, count: number) => void;
  /** Usage above what was held for the call. */
  readonly recordOverrun: (provider: string) => void;
  /** An answer of a service tier other than the requested one. */
  readonly recordServiceTierMismatch: (provider: string) => void;
  readonly recordAborted: (provider: string, reason: EndReason) => void;
  /** A call whose client left runs on, until it is recorded as drained. */
  readonly recordDraining: () => void;
  readonly recordDrained: (provider: string, outcome: DrainOutcome) => void;
  /** A call whose outcome is unknown was settled at its bound. */
  readonly recordBound: (provider: string) => void;
};
