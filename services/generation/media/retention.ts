import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** How long media of an account are kept, in milliseconds. */
export type MediaRetention = (accountId: string) => Promise<number>;

/**
 * The retention of an account's plan, else the default.
 *
 * @param entitlements undefined in a service without plans.
 * @throws ProblemError `metering_unavailable` when billing does not answer.
 */
export function createMediaRetention(
  entitlements: Pick<AccountEntitlements, 'get'> | undefined,
  defaultMs: number,
): MediaRetention {
  return async (accountId) => {
    const days = (await entitlements?.get(accountId))?.retentionDays.value ?? null;
    return days === null ? defaultMs : days * DAY_MS;
  };
}
