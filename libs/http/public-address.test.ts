import t from 'tap';
import { isPublicAddress } from './public-address.ts';

t.test('public addresses are public', async (t) => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '93.184.215.14',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '100.63.255.255',
    '100.128.0.1',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:82a::200e',
  ]) {
    t.equal(isPublicAddress(address), true, address);
  }
});

t.test('private, local, translated and reserved addresses are not', async (t) => {
  for (const address of [
    '0.0.0.0',
    '10.0.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '100.100.100.200', // metadata of Alibaba Cloud
    '169.254.169.254', // metadata of AWS, Azure and Google Cloud
    '169.254.170.2', // credentials of containers on AWS
    '168.63.129.16', // platform of Azure
    '192.0.0.192', // metadata of Oracle Cloud
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::a9fe:a9fe',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'fc00::1',
    'fd00:ec2::254', // metadata of AWS
    'fe80::1',
    'fe80::1%eth0',
    '2606:4700:4700::1111%eth0',
    'fec0::1',
    'ff02::1',
  ]) {
    t.equal(isPublicAddress(address), false, address);
  }
});

t.test('what is no address in its usual notation is not public', async (t) => {
  for (const address of [
    '',
    'example.com',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '8.8.8',
    '[::1]',
  ]) {
    t.equal(isPublicAddress(address), false, address);
  }
});
