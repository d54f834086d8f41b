import { createHmac } from 'node:crypto';
import type { ServiceName } from '#libs/contracts/internal-context.ts';

/** Which service calls which. */
const PAIRS: readonly (readonly [sender: ServiceName, receiver: ServiceName])[] = [
  ['gateway', 'billing'],
  ['gateway', 'usage-metering'],
  ['gateway', 'generation'],
  ['usage-metering', 'billing'],
  ['generation', 'billing'],
];

/** The `INTERNAL_KEYS` of a service: a key for each pair that it belongs to, derived from the installation's secret. */
export function internalKeysOf(service: ServiceName, secret: string): string {
  return PAIRS.filter((pair) => pair.includes(service))
    .map((pair) => `${pair.join(':')}:${createHmac('sha256', secret).update(pair.join(':')).digest('hex')}`)
    .join(',');
}
