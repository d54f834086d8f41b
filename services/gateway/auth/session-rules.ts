/** What a session token may be used for. */

import type { SessionRestrictions } from '#libs/contracts/internal-context.ts';
import { fastifyPath } from '#libs/contracts/operation.ts';
import { problem } from '#libs/problems/problems.ts';
import { OPERATIONS } from '../openapi/domain.ts';

/** Operations that generate, by method and route. No other route accepts a session token. */
const OPERATION_IDS: ReadonlyMap<string, string> = new Map(
  OPERATIONS.metered.map(({ method, path, operationId }) => [`${method} ${fastifyPath(path)}`, operationId]),
);

/** @throws ProblemError `insufficient_scope` */
export function checkSession(
  { operations, origins }: SessionRestrictions,
  request: { method: string; url: string; origin: string | undefined; workspace: unknown },
): void {
  const operation = OPERATION_IDS.get(`${request.method} ${request.url}`);
  if (operation === undefined) throw refuse('A session token may only generate.');
  if (request.workspace !== undefined) throw refuse('A session token belongs to no workspace.');
  if (operations !== null && !operations.includes(operation))
    throw refuse(`The session token may not call ${operation}.`);
  if (origins !== null && (request.origin === undefined || !origins.includes(request.origin)))
    throw refuse('The session token may not be used from this origin.');
}

const refuse = (detail: string) => problem('insufficient_scope', { detail });
