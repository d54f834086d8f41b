import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { CLIENT_CLOSED_REQUEST } from './completed-requests.ts';
import type { Metrics } from './metrics.ts';

/**
 * Calls `complete` once for each tracked response, when it closes. Fastify's `onResponse` does not run if the client
 * disconnects during the response, and those requests must be recorded too. While the app closes, tracked responses also
 * close their connections.
 *
 * @param complete receives what was tracked with the response, so that no request needs a closure of its own.
 */
export function createResponseTracker<Exchange>(
  app: FastifyInstance,
  metrics: Pick<Metrics, 'countInFlight'>,
  complete: (exchange: Exchange, status: number) => void,
): (response: ServerResponse, exchange: Exchange) => void {
  const inFlight = new Map<ServerResponse, Exchange>();
  metrics.countInFlight(() => inFlight.size);
  let closing = false;

  function onClose(this: ServerResponse): void {
    const exchange = inFlight.get(this);
    if (exchange === undefined) return;
    inFlight.delete(this);
    // Node closes connections that are idle when the server closes, but not those that become idle later.
    if (closing) setImmediate(() => app.server.closeIdleConnections());
    complete(exchange, this.writableEnded ? this.statusCode : CLIENT_CLOSED_REQUEST);
  }

  app.addHook('preClose', (done) => {
    closing = true;
    for (const response of inFlight.keys())
      if (!response.headersSent) response.setHeader('connection', 'close');
    done();
  });
  return (response, exchange) => {
    inFlight.set(response, exchange);
    response.on('close', onClose);
    if (closing) response.setHeader('connection', 'close');
  };
}
