import t from 'tap';
import { decodeDeliveries, encodeDeliveries } from './stripe-deliveries.ts';

t.test('given deliveries, then the bytes that were signed arrive unchanged', async (t) => {
  const deliveries = [
    { signature: 't=1,v1=a', body: Buffer.from('{"id":\n"evt_1"}') },
    { signature: '"\\\n', body: Buffer.from([0, 10, 255]) },
    { signature: '', body: Buffer.alloc(0) },
  ];
  const bytes = encodeDeliveries(deliveries);
  t.strictSame(decodeDeliveries(bytes), deliveries);
  t.strictSame(decodeDeliveries(encodeDeliveries([])), []);
  for (const [what, wrong] of Object.entries({
    'a byte is missing': bytes.subarray(0, -1),
    'there is one more byte': Buffer.concat([bytes, Buffer.from('x')]),
    'there is no head': Buffer.from('x'),
    'a length is negative': Buffer.from('[["",-1]]\n'),
  })) {
    t.throws(() => decodeDeliveries(wrong), what);
  }
});
