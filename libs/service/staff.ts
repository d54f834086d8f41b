import type { Caller, PlatformRole } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

const READERS: readonly PlatformRole[] = ['support', 'admin'];
const WRITERS: readonly PlatformRole[] = ['admin'];
const READING_METHODS = ['GET', 'HEAD'];

/** Whether the caller is platform staff, who may read every account. */
export function isStaff(caller: Caller): boolean {
  return READERS.includes(caller.platformRole);
}

/**
 * Admits only staff: GET requires the platform role `support` or `admin`, any other method `admin`.
 *
 * @throws ProblemError `platform_role_required`
 */
export function requireStaff(caller: Caller, method: string): void {
  const allowed = READING_METHODS.includes(method) ? READERS : WRITERS;
  if (!allowed.includes(caller.platformRole)) {
    throw problem('platform_role_required', { fields: { required_roles: allowed } });
  }
}
