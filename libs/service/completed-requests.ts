import { createLineWriter, type Logger, REQUEST_ID_LABEL } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** A request that has ended, in any way. */
export type CompletedRequest = {
  requestId: string;
  method: string;
  route: string;
  status: number;
  ms: number;
  accountId: string | null;
  /** The code of the problem in its response. */
  problemCode: string | null;
};

/** The client closed the connection before the response was complete. */
export const CLIENT_CLOSED_REQUEST = 499;

/** Records one metric and one log line per request. */
export function createCompletionRecorder(
  logger: Logger,
  metrics: Pick<Metrics, 'recordRequest'>,
): (request: CompletedRequest) => void {
  const writeLine = createLineWriter(logger, { level: 'info', msg: 'request completed' });
  return ({ requestId, method, route, status, ms, accountId, problemCode }) => {
    metrics.recordRequest(method, route, status, ms);
    const code = problemCode ?? (status === CLIENT_CLOSED_REQUEST ? 'client_closed_request' : undefined);
    writeLine({
      [REQUEST_ID_LABEL]: requestId,
      method,
      route,
      status,
      ms: Math.round(ms * 100) / 100,
      account: accountId ?? undefined,
      problem: code,
    });
  };
}
