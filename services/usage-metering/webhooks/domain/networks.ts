import { BlockList, isIP } from 'node:net';

/**
 * Networks such as `10.1.0.0/16` or `fd00::/8`.
 * @returns whether an address is in one of them.
 * @throws TypeError for a text that is no network.
 */
export function parseNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits = ''] = network.split('/');
    const family = isIP(address);
    if (family === 0 || !/^\d{1,3}$/.test(bits)) throw new TypeError(`Not a network: ${network}.`);
    list.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
