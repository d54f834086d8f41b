/** How far back and how finely a plan shows usage: the meaning of `caps.analyticsDepth`. */
export const ANALYTICS_DEPTHS = ['basic', 'standard', 'advanced', 'premium'] as const;
export type AnalyticsDepth = (typeof ANALYTICS_DEPTHS)[number];

export interface AnalyticsBounds {
  /** Days before today that breakdowns reach; null for all that is stored. */
  readonly historyDays: number | null;
  /** Whether breakdowns by hour are included. */
  readonly hours: boolean;
}

const BOUNDS: Readonly<Record<AnalyticsDepth, AnalyticsBounds>> = {
  basic: { historyDays: 92, hours: false },
  standard: { historyDays: 400, hours: false },
  advanced: { historyDays: 800, hours: true },
  premium: { historyDays: null, hours: true },
};

/** @param depth null: the plan bounds nothing. */
export function analyticsBounds(depth: AnalyticsDepth | null): AnalyticsBounds {
  return BOUNDS[depth ?? 'premium'];
}

/** What a breakdown shows: from how many days before today, and whether by hour. */
export type AnalyticsNeed = { readonly days: number; readonly hours: boolean };

export function isWithin({ historyDays, hours }: AnalyticsBounds, needed: AnalyticsNeed): boolean {
  return (historyDays === null || needed.days <= historyDays) && (hours || !needed.hours);
}
