/** What an ordinary load balancer does: it asks each process whether it is ready, and shares requests among those that are. */
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const PROBE_PAUSE_MS = 100;
const PROBE_TIMEOUT_MS = 1_000;

export type Backend = { port: number; operationsPort: number };
export type LoadBalancer = { close: () => Promise<void> };

async function isReady({ operationsPort }: Backend): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${operationsPort}/ready`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Listens on a port; requests that reach no backend get 502. */
export async function startLoadBalancer(port: number, backends: readonly Backend[]): Promise<LoadBalancer> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<Backend>();
  let isClosing = false;
  let turn = 0;

  const probing = backends.map(async (backend) => {
    while (!isClosing) {
      if (await isReady(backend)) ready.add(backend);
      else ready.delete(backend);
      await delay(PROBE_PAUSE_MS);
    }
  });

  const server = createServer((incoming, outgoing) => {
    turn += 1;
    const backend = [...ready][turn % Math.max(1, ready.size)];
    if (backend === undefined) outgoing.writeHead(502).end('{"code":"no_backend"}');
    else forward(incoming, outgoing, backend);
  });

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, backend: Backend): void {
    const { method, url, headers } = incoming;
    const sent = httpRequest({ host: '127.0.0.1', port: backend.port, method, path: url, headers, agent });
    sent.on('response', (response) => {
      const { 'keep-alive': _keepAlive, connection: _connection, ...kept } = response.headers;
      outgoing.writeHead(response.statusCode ?? 502, kept);
      response.pipe(outgoing);
      response.on('error', () => outgoing.destroy());
    });
    sent.on('error', (error) => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(JSON.stringify({ code: 'broken', message: error.message }));
    });
    outgoing.on('close', () => {
      if (!outgoing.writableEnded) sent.destroy();
    });
    incoming.pipe(sent);
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    async close() {
      isClosing = true;
      await Promise.all(probing);
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
