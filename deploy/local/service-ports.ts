import { randomInt } from 'node:crypto';
import { isPortFree } from '#libs/embedded/ports.ts';

/** Below Linux's range for outgoing connections, which could take the port of a killed process. */
const LOWEST = 12_000;
const HIGHEST = 30_000;
/** Distance of a service's operations port from its API port. */
export const OPERATIONS_PORT_OFFSET = 1_000;

/** Distinct free ports whose operations ports are free too. */
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
