import { connect, createServer } from 'node:net';

/** Local programs use the loopback address only. */
export const LOOPBACK = '127.0.0.1';

/** What a program answers to the operator when its port is taken. `use` names the port's purpose and its variable. */
export function portInUse(port: number, use: string): string {
  return `Port ${port} (${use}) is in use by another program.`;
}

/**
 * Whether nothing listens on a port of the loopback address at this moment. Connecting comes first: some systems let
 * a second program bind 127.0.0.1 while another listens on all addresses.
 */
export async function isPortFree(port: number): Promise<boolean> {
  return !(await acceptsConnections(port)) && (await canBind(port));
}

async function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: LOOPBACK, port }, () => probe.close(() => resolve(true)));
  });
}

/** A port that nothing listens on at this moment. */
export async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host: LOOPBACK, port: 0 }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
