/** The vocabulary of outcome-based billing, for contracts and the database. */

export const OUTCOME_GOALS = [
  'traffic_increase',
  'conversion_rate',
  'engagement_rate',
  'lead_generation',
] as const;
export type OutcomeGoal = (typeof OUTCOME_GOALS)[number];

/** `open` until it is settled; `due` until it is paid. */
export const OUTCOME_STATUSES = ['open', 'due', 'paid', 'settled_free', 'cancelled'] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];
