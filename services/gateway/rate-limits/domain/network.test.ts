import t from 'tap';
import { HOST, networkOf, SITE } from './network.ts';

t.test('given addresses, then neighbours share a network', async (t) => {
  for (const [address, host, site] of [
    ['192.0.2.77', 'c000024d/32', 'c00002/24'],
    ['::ffff:192.0.2.77', 'c000024d/32', 'c00002/24'],
    ['2001:db8:1:2ff:a::1', '20010db8000102ff/64', '20010db8000102/56'],
    ['2001:DB8:1:2ff::', '20010db8000102ff/64', '20010db8000102/56'],
    ['fe80::1%eth0', 'fe80000000000000/64', 'fe800000000000/56'],
    ['::1', '0000000000000000/64', '00000000000000/56'],
    ['unknown', 'unknown', 'unknown'],
  ] as const) {
    t.strictSame([networkOf(address, HOST), networkOf(address, SITE)], [host, site], address);
  }
});
