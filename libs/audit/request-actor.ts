import type { FastifyRequest } from 'fastify';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import { callerOf } from '#libs/service/internal-calls.ts';

/** The actor of a request that another service signed: its user, or the account of an API key. */
export function actorOf(request: FastifyRequest): Actor {
  const { userId, accountId } = callerOf(request);
  return { actor: userId ?? accountId, requestId: request.id };
}
