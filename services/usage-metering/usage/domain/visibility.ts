/** Which callers see which usage. */
import type { Caller } from '#libs/contracts/internal-context.ts';

/** Owners, admins and API keys see their whole account; members see their own usage. */
export function seesWholeAccount(caller: Caller): boolean {
  return caller.userId === null || caller.role === 'owner' || caller.role === 'admin';
}

/** The only user whose rows a caller sees; null for a caller who sees the whole account. */
export function visibleUserId(caller: Caller): string | null {
  return seesWholeAccount(caller) ? null : caller.userId;
}
