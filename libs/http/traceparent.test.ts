import t from 'tap';
import { readTraceparent } from './traceparent.ts';

t.test('only a valid trace is passed on', async (t) => {
  const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  t.equal(readTraceparent({ traceparent: valid }), valid);
  for (const traceparent of [
    undefined,
    '',
    valid.replace('00-', 'ff-'),
    valid.toUpperCase(),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
    `${valid}\r\nx-other: 1`,
    [valid, valid],
  ])
    t.equal(readTraceparent({ traceparent }), undefined, String(traceparent));
});
