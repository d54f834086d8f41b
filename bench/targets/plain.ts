import { benchPath, freePort, startChild } from '../children.ts';
import { PROVIDER_AUTHORIZATION, type Target } from './target.ts';

const headers = { authorization: PROVIDER_AUTHORIZATION };
const path = '/v1/chat/completions';

/** The provider itself: the upper limit of the load generator and the machine. */
export function noGateway(upstreamPort: number): Target {
  return {
    name: 'no gateway',
    addresses: [`127.0.0.1:${upstreamPort}`],
    path,
    headers,
    processes: [],
    stop: async () => undefined,
  };
}

export async function startBareProxy(upstreamPort: number): Promise<Target> {
  const port = await freePort();
  const child = await startChild({
    name: 'bare-proxy',
    script: benchPath('targets/bare-proxy.ts'),
    args: [String(port), String(upstreamPort)],
  });
  return {
    name: 'Fastify + undici',
    addresses: [`127.0.0.1:${port}`],
    path,
    headers,
    processes: [child.pid],
    stop: child.stop,
  };
}
