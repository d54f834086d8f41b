import { type ProblemCode, problem } from '#libs/problems/problems.ts';
import type { AccountStatus } from '../auth/ports.ts';

/**
 * @param whenDeleted a deleted account's credentials are told what unknown ones are.
 * @throws ProblemError `account_suspended`, or the given code.
 */
export function checkAccountStatus(status: AccountStatus, whenDeleted: ProblemCode): void {
  if (status === 'suspended') throw problem('account_suspended');
  if (status !== 'active') throw problem(whenDeleted);
}
