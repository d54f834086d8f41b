import type { FastifyRequest } from 'fastify';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Actor } from './domain.ts';

/** Who acts, for the record. */
export function actorOf(request: FastifyRequest): Actor {
  const { userId, accountId } = callerOf(request);
  return { actor: userId ?? accountId, requestId: request.id };
}
