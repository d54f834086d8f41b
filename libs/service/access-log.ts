import type { FastifyRequest } from 'fastify';

export type AccessEvent =
  | 'user.registered'
  | 'user.email_verified'
  | 'user.password_changed'
  | 'user.password_reset'
  | 'session.started'
  | 'session.refused'
  | 'session.ended'
  | 'session.refresh_reused'
  | 'api_key.changed'
  | 'api_key.created'
  | 'api_key.revoked'
  | 'session_token.created'
  | 'session_token.revoked'
  | 'api_key.rotated'
  | 'member.added'
  | 'member.role_changed'
  | 'member.removed'
  | 'invitation.created'
  | 'invitation.revoked'
  | 'invitation.accepted'
  | 'workspace.created'
  | 'workspace.deleted';

/** Logs who changed access to what. Ids only: never a key, a token or an address. */
export function logAccess(
  request: FastifyRequest,
  event: AccessEvent,
  subject: { readonly [id: string]: string | null },
): void {
  request.log.info({ audit: event, account: request.accountId ?? undefined, ...subject }, 'audit');
}
