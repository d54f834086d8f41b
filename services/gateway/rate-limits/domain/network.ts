import { isIPv4, isIPv6 } from 'node:net';

/** How many leading bits of an address name the network that one customer of a provider gets. */
export type PrefixLengths = { readonly v4: number; readonly v6: number };

/** One machine, or one home network in IPv6. */
export const HOST: PrefixLengths = { v4: 32, v6: 64 };
/** The smallest networks that are routed on their own. */
export const SITE: PrefixLengths = { v4: 24, v6: 56 };

const MAPPED_V4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The network of an address in hexadecimal with its length: `c0000200/24`. Anything else is returned as it is. */
export function networkOf(address: string, { v4, v6 }: PrefixLengths): string {
  const text = MAPPED_V4.exec(address)?.[1] ?? address;
  if (isIPv4(text)) return prefixOf(hexOfV4(text), v4);
  if (isIPv6(text)) return prefixOf(hexOfV6(text), v6);
  return text;
}

/** Lengths are multiples of 4, so that a prefix is a number of hexadecimal digits. */
const prefixOf = (hex: string, bits: number) => `${hex.slice(0, bits / 4)}/${bits}`;

const hexOfV4 = (address: string) =>
  address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');

function hexOfV6(address: string): string {
  // The URL parser writes every address in one form, an IPv4 tail included; it knows no zones.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
}
