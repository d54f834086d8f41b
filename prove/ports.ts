import { randomInt } from 'node:crypto';
import { isPortFree } from '#libs/embedded/ports.ts';

/** Below what Linux gives to outgoing connections, which could otherwise take the port of a killed process. */
const LOWEST = 12_000;
const HIGHEST = 30_000;
/** A service's port for operations lies this far above its own. */
export const OPERATIONS_PORT_OFFSET = 1_000;

/** Ports that are free together with their ports for operations, each different. */
export async function chooseServicePorts(count: number): Promise<number[]> {
  const chosen = new Set<number>();
  while (chosen.size < count) {
    const port = randomInt(LOWEST, HIGHEST);
    const taken = [port, port - OPERATIONS_PORT_OFFSET, port + OPERATIONS_PORT_OFFSET];
    if (taken.some((one) => chosen.has(one))) continue;
    if ((await isPortFree(port)) && (await isPortFree(port + OPERATIONS_PORT_OFFSET))) chosen.add(port);
  }
  return [...chosen];
}
