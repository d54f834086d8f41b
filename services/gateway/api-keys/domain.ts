/** What a new API key may be. */
import type { KeyLimit } from '#libs/contracts/api-keys.ts';
import { type Caller, MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import type { KeyScope } from '#libs/contracts/key-scopes.ts';
import { parseUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import { requireRole } from '../auth/domain.ts';
import type { ApiKeyRecord, KeyLimitAmount } from '../auth/ports.ts';

/** A person needs a role that manages the account; a key has shown its scope `keys:manage` already. */
export function checkMayManageKeys(caller: Caller): void {
  if (caller.keyId === null) requireRole(caller, MANAGER_ROLES);
}

/**
 * A key that makes keys passes on no more than it has: no further scopes, no longer life, no way around its limits.
 *
 * @throws ProblemError `insufficient_scope`
 */
export function checkPassedOn(
  parent: Pick<ApiKeyRecord, 'scopes' | 'expiresAt' | 'limits'>,
  child: { scopes: readonly KeyScope[]; expiresAt: Date | null },
): void {
  const refuse = (detail: string) =>
    problem('insufficient_scope', { detail, fields: { scopes: parent.scopes } });
  if (parent.limits.length > 0) throw refuse('A key with limits of its own cannot create keys.');
  if (!parent.scopes.includes('*') && child.scopes.some((scope) => !parent.scopes.includes(scope))) {
    throw refuse('A key cannot create a key with scopes it does not have itself.');
  }
  if (parent.expiresAt !== null && (child.expiresAt === null || child.expiresAt > parent.expiresAt)) {
    throw refuse('A key cannot create a key that outlives it.');
  }
}

/** Limits as the ledger counts them: nano-USD for `cost`, pieces for everything else. */
export function limitAmounts(limits: readonly KeyLimit[]): KeyLimitAmount[] {
  return limits.map(({ meter, window, amount }) => ({
    meter,
    window,
    amount: typeof amount === 'string' ? parseUsd(amount) : BigInt(amount),
  }));
}
