import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** Checks by name that must all resolve for the service to be ready. */
export type ReadinessChecks = Readonly<Record<string, () => Promise<unknown>>>;

export type OperationsServer = {
  readonly listen: (port: number, host: string) => Promise<number>;
  /** True from when the service listens until it begins to stop. */
  readonly setServing: (serving: boolean) => void;
  readonly close: () => Promise<void>;
};

const CHECK_TIMEOUT_MS = 2_000;

/**
 * The second listener of a service, never public: `/health` (liveness), `/ready` (every check passes and the service is
 * not stopping; `degraded` while it serves with a condition that operators must see) and `/metrics` (Prometheus). It uses plain `node:http` to be independent of the application.
 */
export function createOperationsServer(options: {
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: ReadinessChecks;
  readonly checkTimeoutMs?: number;
  /** Reasons why the service is degraded, by name; empty if it is not. */
  readonly conditions?: () => Readonly<Record<string, string>>;
}): OperationsServer {
  const { name, logger, metrics, readiness, checkTimeoutMs = CHECK_TIMEOUT_MS, conditions } = options;
  let serving = false;

  const answerReady = async (response: ServerResponse) => {
    const checks = Object.fromEntries(
      await Promise.all(
        Object.entries(readiness).map(
          async ([check, run]) => [check, await outcomeOf(check, run, checkTimeoutMs, logger)] as const,
        ),
      ),
    );
    const ready = serving && Object.values(checks).every((outcome) => outcome === 'ok');
    const degraded = conditions?.() ?? {};
    const isDegraded = Object.keys(degraded).length > 0;
    sendJson(response, ready ? 200 : 503, {
      status: ready ? (isDegraded ? 'degraded' : 'ready') : 'unready',
      service: name,
      serving,
      checks,
      ...(isDegraded && { degraded }),
    });
  };

  const answerMetrics = async (response: ServerResponse) => {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
  };

  const routes: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
    '/health': (response) => sendJson(response, 200, { status: 'ok', service: name }),
    '/ready': answerReady,
    '/metrics': answerMetrics,
  };

  const server = createServer((request, response) => {
    const route = routes[request.url?.split('?', 1)[0] ?? ''];
    if (request.method !== 'GET' || route === undefined) {
      sendJson(response, 404, { status: 'not found', routes: Object.keys(routes) });
      return;
    }
    void Promise.resolve(route(response)).catch((error: unknown) => {
      logger.error({ err: error }, 'operations request failed');
      if (!response.headersSent) sendJson(response, 500, { status: 'failed' });
    });
  });

  return {
    listen: (port, host) => listen(server, port, host),
    setServing: (value) => {
      serving = value;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Outcome = 'ok' | 'failed' | 'timeout';

/** The reason of a failure is only logged: such messages may contain addresses and names. */
async function outcomeOf(
  check: string,
  run: () => Promise<unknown>,
  timeoutMs: number,
  logger: Logger,
): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), timeoutMs);
  });
  const outcome = (async (): Promise<Outcome> => {
    await run();
    return 'ok';
  })().catch((error: unknown): Outcome => {
    logger.warn({ check, err: error }, 'readiness check failed');
    return 'failed';
  });
  try {
    return await Promise.race([outcome, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
