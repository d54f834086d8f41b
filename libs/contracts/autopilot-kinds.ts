/** The vocabulary of autopilots and the inbox, for contracts, prompts and the database. */

export const AUTOPILOT_STATUSES = ['active', 'paused', 'finished'] as const;

/** Why an autopilot does not run. */
export const PAUSE_REASONS = [
  'requested',
  'repeated_failures',
  'creator_removed',
  'content_plan_deleted',
] as const;

/** The state of a run: it waits for its job, its job runs, or it has ended. */
export const RUN_STATUSES = ['starting', 'running', 'completed', 'failed', 'refused'] as const;

export const MESSAGE_STATUSES = ['open', 'answered', 'dismissed'] as const;

/** How a message of the inbox is classified. */
export const INTENTS = ['question', 'complaint', 'praise', 'purchase', 'support', 'spam', 'other'] as const;
export const SENTIMENTS = ['positive', 'neutral', 'negative'] as const;
export const MESSAGE_URGENCIES = ['low', 'normal', 'high'] as const;
