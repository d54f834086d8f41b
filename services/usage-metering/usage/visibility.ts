/** Who may see whose usage. */
import type { Caller } from '#libs/contracts/internal-context.ts';

/** Owners, admins and API keys (which act for their account) see all of it; members see what is theirs. */
export function seesWholeAccount(caller: Caller): boolean {
  return caller.userId === null || caller.role === 'owner' || caller.role === 'admin';
}

/** The user whose rows a caller is confined to; null for a caller who sees the whole account. */
export function confinedTo(caller: Caller): string | null {
  return seesWholeAccount(caller) ? null : caller.userId;
}
