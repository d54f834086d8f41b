import { createLineWriter, type Logger, REQUEST_ID_LABEL } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** A request that is over, however it ended. */
export type CompletedRequest = {
  requestId: string;
  method: string;
  route: string;
  status: number;
  ms: number;
  accountId: string | null;
  /** The code of the problem it was answered with. */
  problemCode: string | null;
};

/** Nobody waited for the answer any more. */
export const CLIENT_CLOSED_REQUEST = 499;

/** One metric and one line for each request. */
export function createCompletionRecorder(
  logger: Logger,
  metrics: Pick<Metrics, 'recordRequest'>,
): (request: CompletedRequest) => void {
  const writeLine = createLineWriter(logger, { level: 'info', msg: 'request completed' });
  return ({ requestId, method, route, status, ms, accountId, problemCode }) => {
    metrics.recordRequest(method, route, status, ms);
    writeLine({
      [REQUEST_ID_LABEL]: requestId,
      method,
      route,
      status,
      ms: Math.round(ms * 100) / 100,
      account: accountId ?? undefined,
      problem: problemCode ?? undefined,
    });
  };
}
