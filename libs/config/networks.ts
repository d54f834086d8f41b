import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { list } from './variables.ts';

/** Networks such as `10.1.0.0/16` or `fd00::/8`, read into a test of whether an address is in one of them. */
export function networks() {
  return list().transform((texts, context) => {
    try {
      return parseNetworks(texts);
    } catch (error) {
      context.addIssue((error as Error).message);
      return z.NEVER;
    }
  });
}

/** @throws TypeError for a text that is no network. */
function parseNetworks(texts: readonly string[]): (address: string) => boolean {
  const blocks = new BlockList();
  for (const text of texts) {
    const [address = '', bits = ''] = text.split('/');
    const family = isIP(address);
    if (family === 0 || !/^\d{1,3}$/.test(bits)) throw new TypeError(`Not a network: ${text}.`);
    blocks.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  }
  return (address) => isIP(address) !== 0 && blocks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
