/** Which IP addresses belong to the public internet. */
import { BlockList, isIP } from 'node:net';

/**
 * IPv4 networks that are not public: the IANA registry of special-purpose addresses, multicast and reserved space. Clouds
 * serve their metadata in 169.254.0.0/16, 100.64.0.0/10 and 192.0.0.0/24.
 */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** All public IPv6 addresses lie here. Loopback, private, link-local, mapped and translated addresses do not. */
const PUBLIC_IPV6 = '2000::/3';

/** Parts of {@link PUBLIC_IPV6} that are not public, or that embed an IPv4 address (Teredo, 6to4). */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];

/** Azure answers for its platform at this public address, from inside its virtual networks only. */
const PLATFORM_IPV4 = ['168.63.129.16/32'];

const blockedIpv4 = listOf('ipv4', [...SPECIAL_IPV4, ...PLATFORM_IPV4]);
const publicIpv6 = listOf('ipv6', [PUBLIC_IPV6]);
const blockedIpv6 = listOf('ipv6', SPECIAL_IPV6);

function listOf(family: 'ipv4' | 'ipv6', networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Whether an address in its usual notation is on the public internet. Anything else than an address is not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !blockedIpv4.check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  return publicIpv6.check(address, 'ipv6') && !blockedIpv6.check(address, 'ipv6');
}
