/** Every action that is audited. Add a new one here before a service records it. */
export type AuditAction =
  | 'api_key.changed'
  | 'api_key.created'
  | 'api_key.revoked'
  | 'api_key.rotated'
  | 'api_key.transferred'
  | 'branding.deleted'
  | 'branding.set'
  | 'catalogue.activated'
  | 'catalogue.imported'
  | 'catalogue.published'
  | 'flag.removed'
  | 'flag.set'
  | 'guard_rail.set'
  | 'guard_rail.withdrawn'
  | 'integration.connected'
  | 'integration.disconnected'
  | 'invitation.accepted'
  | 'invitation.created'
  | 'invitation.revoked'
  | 'job.retried'
  | 'member.added'
  | 'member.removed'
  | 'member.role_changed'
  | 'override.created'
  | 'override.ended'
  | 'model_alias.added'
  | 'model_alias.removed'
  | 'outcome.cancelled'
  | 'outcome.created'
  | 'outcome.marked_paid'
  | 'outcome.measured'
  | 'outcome.settled'
  | 'payment.marked_paid'
  | 'payment.voided'
  | 'payment.refunded'
  | 'payment.credited'
  | 'payment.event_replayed'
  | 'payment.account_synced'
  | 'plan.assigned'
  | 'prices.added'
  | 'prices.cancelled'
  | 'prices.imported'
  | 'segments.set'
  | 'staff.granted'
  | 'staff.revoked'
  | 'stop.created'
  | 'stop.lifted'
  | 'usage.resolved'
  | 'webhook_endpoint.changed'
  | 'webhook_endpoint.created'
  | 'webhook_endpoint.deleted'
  | 'webhook_endpoint.secret_rotated';

/** Who acts: a user's id, `system` or `cli`, and the request it happens in. */
export type Actor = { readonly actor: string; readonly requestId: string | null };

/** A program acts on its own, such as at a start or in a job. */
export const SYSTEM_ACTOR: Actor = { actor: 'system', requestId: null };

/** An operator acts through a command on the server. */
export const CLI_ACTOR: Actor = { actor: 'cli', requestId: null };

/** The state of the subject as JSON; null where it did not exist. */
export type AuditState = Readonly<Record<string, unknown>> | null;

export type AuditEntry = {
  /** A UUID version 7, which orders entries by time. */
  id: string;
  at: Date;
  by: Actor;
  action: AuditAction;
  /** The object of the action: `account:<id>`, `flag:<key>`, `catalogue:<version id>`. */
  subject: string;
  /** Null where the action concerns many accounts. */
  accountId: string | null;
  before: AuditState;
  after: AuditState;
  reason: string | null;
};
