import { createFailover } from '#libs/http/failover.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { PROBLEMS, type ProblemCode } from '#libs/problems/catalogue.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { InternalAnswer, InternalClient, InternalRequest } from './internal-client.ts';

/**
 * The answer of the first process of a service that is reached. After a failure, a request that may have been executed is
 * repeated at another process only if it is idempotent.
 *
 * @throws ProblemError its problem, or `service_unavailable`.
 */
export async function callFirst(
  clients: readonly InternalClient[],
  request: InternalRequest,
): Promise<unknown> {
  const { method, isIdempotent = method === 'GET' } = request;
  const mayRepeat = (error: unknown) => isIdempotent || isNotSent((error as Error).cause);
  const failover = createFailover(clients, mayRepeat);
  const answer = await failover((client) => client.call(request)).catch((error: unknown) => {
    throw unavailable(error);
  });
  if (answer.status < 300) return answer.body;
  throw problemOf(answer);
}

/** A refusal as the service words it; anything that is not the client's fault is ours. */
function problemOf({ status, body }: InternalAnswer): ProblemError {
  const { code, detail, param } = (body ?? {}) as { code?: string; detail?: string; param?: string };
  const isKnown = code !== undefined && Object.hasOwn(PROBLEMS, code) && code !== 'route_not_found';
  if (!isKnown || status >= 500 || status === 401)
    return unavailable(new Error(`The service answered ${status}.`));
  return problem(code as ProblemCode, {
    ...(detail !== undefined && { detail }),
    ...(param !== undefined && { fields: { param } }),
  });
}

function unavailable(cause: unknown): ProblemError {
  return problem('service_unavailable', { cause, headers: { 'retry-after': '1' } });
}
