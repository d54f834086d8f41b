import t from 'tap';
import { IMPLEMENTED_METERS } from '#libs/catalogue/availability.ts';
import { describeAlert, usedPercentageOf } from './alert-text.ts';

const threshold = {
  meter: 'cost',
  window: 'period',
  scope: 'account',
  threshold_percentage: 80,
  state: 'warning',
  used: '32400000000',
  limit: '40000000000',
  source: 'plan:pro',
  resets_at: '2026-12-01T00:00:00.000Z',
};

t.test('given a limit of any meter, then its alert names the meter and its unit', async (t) => {
  for (const meter of IMPLEMENTED_METERS) {
    const { title, message } = describeAlert('usage.threshold', {
      ...threshold,
      meter,
      used: '8',
      limit: '10',
    });
    t.match(title, /^API Usage Notice - \S[^_]+$/, meter);
    t.match(message, meter === 'cost' ? /^You have used \$/ : /^You have used 8 of 10 [a-z][^_]+$/i, meter);
  }
});

t.test('given a state, then the advice says from when requests are refused', async (t) => {
  const adviceOf = (data: object) =>
    describeAlert('usage.threshold', { ...threshold, ...data }).recommendation;
  const saving = 'A smaller model or a lower output cap lasts longer.';
  const until = 'until 1 December 2026, 00:00 UTC.';
  t.equal(adviceOf({}), `Once the limit is reached, new requests are refused ${until} ${saving}`);
  t.equal(adviceOf({ state: 'blocked' }), `New requests are refused ${until} ${saving}`);
  const images = { meter: 'images', state: 'blocked', resets_at: null };
  t.equal(adviceOf(images), 'Once the limit is reached, new requests are refused.');
  t.equal(usedPercentageOf('usage.threshold', threshold), 81);
  t.equal(usedPercentageOf('payment.failed', {}), null);
});
