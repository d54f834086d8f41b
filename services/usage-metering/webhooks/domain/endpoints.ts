/** Rules of webhook endpoints. */
import { type Caller, MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { isWebhookEvent } from '#libs/contracts/webhook-events.ts';
import type { webhookEndpoints } from '#libs/db/schema/webhooks.ts';
import { problem } from '#libs/problems/problems.ts';

export type EndpointRow = typeof webhookEndpoints.$inferSelect;

export const MAX_ENDPOINTS = 20;

const DAY_MS = 24 * 60 * 60 * 1000;
/** An endpoint at which every attempt fails for this long is disabled. */
export const DISABLE_AFTER_MS = 5 * DAY_MS;
const GONE = 410;

/**
 * Owners, admins, and API keys, of which the gateway requires the scope `*`.
 * @throws ProblemError `role_required`
 */
export function checkMayManageEndpoints({ userId, role }: Caller): void {
  if (userId === null || MANAGER_ROLES.includes(role)) return;
  throw problem('role_required', { fields: { required_roles: [...MANAGER_ROLES], role } });
}

/** @throws ProblemError `conflict` */
export function checkEndpointCount(existing: number): void {
  if (existing < MAX_ENDPOINTS) return;
  throw problem('conflict', {
    detail: `The account has ${existing} webhook endpoints. Delete some before you create more.`,
  });
}

/** @throws ProblemError `conflict` */
export function checkIsEnabled({ status }: Pick<EndpointRow, 'status'>): void {
  if (status === 'enabled') return;
  throw problem('conflict', { detail: 'The endpoint is disabled. Enable it first.' });
}

/** Whether an endpoint receives events of a type. */
export function receives({ status, eventTypes }: EndpointRow, type: string): boolean {
  if (status !== 'enabled' || !isWebhookEvent(type)) return false;
  return eventTypes.length === 0 || eventTypes.includes(type);
}

/** What an answer is to a delivery. */
export type Answer = {
  status: number | null;
  body: string | null;
  error: string | null;
  durationMs: number;
  /** The pause that the receiver asks for. */
  retryAfterMs: number | null;
};

export const isAccepted = ({ status, error }: Answer): boolean =>
  error === null && status !== null && status >= 200 && status <= 299;

/** What an attempt changes of its endpoint; null for nothing. */
export type EndpointChange = Pick<EndpointRow, 'failingSince' | 'status' | 'disabledReason'> | null;

export function changeAfter(endpoint: EndpointRow, answer: Answer, now: Date): EndpointChange {
  const { failingSince, status, disabledReason } = endpoint;
  if (isAccepted(answer))
    return failingSince === null ? null : { failingSince: null, status, disabledReason };
  const since = failingSince ?? now;
  if (status === 'enabled' && answer.status === GONE)
    return { failingSince: since, status: 'disabled', disabledReason: 'gone' };
  if (status === 'enabled' && now.getTime() - since.getTime() >= DISABLE_AFTER_MS)
    return { failingSince: since, status: 'disabled', disabledReason: 'failing' };
  return failingSince === null ? { failingSince: now, status, disabledReason } : null;
}
