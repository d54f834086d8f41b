/** Rules of session tokens. */
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { KeyLimitAmount } from '../api-keys/domain.ts';

/**
 * Puts the limits of one end user in force.
 * @throws ProblemError when they could not be put in force.
 */
export type SetEndUserLimits = (user: {
  accountId: string;
  userId: string;
  /** The end user has made no request yet. */
  isNew: boolean;
  limits: readonly KeyLimitAmount[];
  requestId: string;
}) => Promise<void>;

/**
 * Session tokens belong to a key, which bounds them: users have none.
 * @returns the id of the key. @throws ProblemError `insufficient_scope`
 */
export function requireKey({ keyId }: Caller): string {
  if (keyId === null)
    throw problem('insufficient_scope', { detail: 'Only an API key may do this, not a signed-in user.' });
  return keyId;
}

/** Whether limits are the same, in any order. */
export function hasSameLimits(some: readonly KeyLimitAmount[], others: readonly KeyLimitAmount[]): boolean {
  const texts = (limits: readonly KeyLimitAmount[]) =>
    limits.map(({ meter, window, amount }) => `${meter} ${window} ${amount}`).sort();
  const [one, other] = [texts(some), texts(others)];
  return one.length === other.length && one.every((text, index) => text === other[index]);
}
