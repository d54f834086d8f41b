import t from 'tap';
import { findAnomaly } from './anomaly.ts';
import { parseSentryDsn, sentryEnvelope, slackMessage } from './messages.ts';
import { channelsFor, DEFAULT_SETTINGS, deliverAt } from './preferences.ts';

t.test('given quiet hours, then alerts that can wait are delivered at their end', async (t) => {
  const berlin = { from: '22:00', until: '07:00', time_zone: 'Europe/Berlin' };
  const cases = [
    ['2026-11-20T12:00:30Z', '2026-11-20T12:00:30.000Z', 'by day'],
    ['2026-11-20T20:59:59Z', '2026-11-20T20:59:59.000Z', 'just before'],
    ['2026-11-20T21:00:10Z', '2026-11-21T06:00:00.000Z', 'in the evening'],
    ['2026-11-21T05:59:59Z', '2026-11-21T06:00:00.000Z', 'in the morning'],
    ['2026-11-21T06:00:00Z', '2026-11-21T06:00:00.000Z', 'at their end'],
    ['2026-03-28T23:00:00Z', '2026-03-29T05:00:00.000Z', 'before summer time'],
    ['2026-10-24T22:00:00Z', '2026-10-25T06:00:00.000Z', 'before winter time'],
  ] as const;
  for (const [now, expected, name] of cases)
    t.equal(deliverAt(new Date(now), 'warning', berlin).toISOString(), expected, name);
  const night = new Date('2026-11-20T23:00:00Z');
  t.equal(deliverAt(night, 'error', berlin), night, 'errors do not wait');
  t.equal(deliverAt(night, 'info', null), night);
  const noon = { from: '12:00', until: '13:30', time_zone: 'Asia/Kolkata' };
  t.equal(
    deliverAt(new Date('2026-11-20T07:00:00Z'), 'info', noon).toISOString(),
    '2026-11-20T08:00:00.000Z',
  );
});

t.test(
  'given clocks that change in quiet hours, then they end at their time, or with the change',
  async (t) => {
    const cases = [
      // 02:00 becomes 03:00 at 01:00 UTC.
      ['Europe/Warsaw', '07:00', '2026-03-28T22:00:00Z', '2026-03-29T05:00:00.000Z'],
      ['Europe/Warsaw', '02:30', '2026-03-28T22:00:00Z', '2026-03-29T01:00:00.000Z'],
      ['Europe/Warsaw', '03:00', '2026-03-28T22:00:00Z', '2026-03-29T01:00:00.000Z'],
      ['Europe/Warsaw', '07:00', '2026-03-29T01:30:00Z', '2026-03-29T05:00:00.000Z'],
      // 03:00 becomes 02:00 at 01:00 UTC: a time that comes twice ends them the first time.
      ['Europe/Warsaw', '07:00', '2026-10-24T21:00:00Z', '2026-10-25T06:00:00.000Z'],
      ['Europe/Warsaw', '02:30', '2026-10-24T21:00:00Z', '2026-10-25T00:30:00.000Z'],
      ['Europe/Warsaw', '02:30', '2026-10-25T01:10:00Z', '2026-10-25T01:30:00.000Z'],
      // 02:00 becomes 03:00 at 07:00 UTC in March, and 01:00 at 06:00 UTC in November.
      ['America/New_York', '07:00', '2026-03-08T04:00:00Z', '2026-03-08T11:00:00.000Z'],
      ['America/New_York', '02:15', '2026-03-08T04:00:00Z', '2026-03-08T07:00:00.000Z'],
      ['America/New_York', '07:00', '2026-11-01T03:00:00Z', '2026-11-01T12:00:00.000Z'],
      ['America/New_York', '01:30', '2026-11-01T03:00:00Z', '2026-11-01T05:30:00.000Z'],
      // 02:00 becomes 02:30 at 15:30 UTC in October, and 01:30 at 15:00 UTC in April.
      ['Australia/Lord_Howe', '07:00', '2026-10-03T12:30:00Z', '2026-10-03T20:00:00.000Z'],
      ['Australia/Lord_Howe', '02:15', '2026-10-03T12:30:00Z', '2026-10-03T15:30:00.000Z'],
      ['Australia/Lord_Howe', '07:00', '2026-04-04T12:00:00Z', '2026-04-04T20:30:00.000Z'],
      ['Australia/Lord_Howe', '01:45', '2026-04-04T12:00:00Z', '2026-04-04T14:45:00.000Z'],
    ] as const;
    for (const [timeZone, until, now, expected] of cases) {
      const quietHours = { from: '22:00', until, time_zone: timeZone };
      const end = deliverAt(new Date(now), 'warning', quietHours);
      t.equal(end.toISOString(), expected, `${timeZone} until ${until}, from ${now}`);
      t.strictSame(deliverAt(end, 'warning', quietHours), end, 'not quiet any more');
    }
  },
);

t.test('given settings, then each kind goes where it is wanted', async (t) => {
  t.strictSame(channelsFor('threshold', DEFAULT_SETTINGS), ['email']);
  const slack = { ...DEFAULT_SETTINGS, slackUrl: 'https://hooks.slack.com/x' };
  t.strictSame(channelsFor('threshold', slack), ['email', 'slack']);
  t.strictSame(channelsFor('critical_error', slack), [], 'operators only');
});

t.test('given costs by hour, then only an hour far from the usual is unusual', async (t) => {
  const cents = (amount: number) => BigInt(Math.round(amount * 10_000_000));
  const usual = Array.from({ length: 48 }, (_, hour) => cents(20 + (hour % 7)));
  t.equal(findAnomaly(cents(30), usual), null, 'a little more');
  // Median 23 cents, median deviation 2: (400 - 23) x 0.6745 / 2.3 (the floor of a tenth of the median).
  t.match(findAnomaly(cents(400), usual), { medianNanoUsd: cents(23) });
  t.equal(findAnomaly(cents(400), usual)?.score.toFixed(2), '110.56');
  t.equal(findAnomaly(cents(400), usual.slice(0, 23)), null, 'too little history');
  t.equal(
    findAnomaly(
      cents(5),
      usual.map(() => cents(0.1)),
    ),
    null,
    'small money',
  );
  t.not(
    findAnomaly(cents(400), [...usual, cents(900), cents(900)]),
    null,
    'earlier peaks do not hide a new one',
  );
});

t.test('given an alert, then other tools can read it', async (t) => {
  const text = { title: 'A <b>', message: 'x & y', recommendation: null };
  t.strictSame(slackMessage('error', text), { text: ':x: *A &lt;b&gt;*\nx &amp; y' });
  const address = parseSentryDsn('https://abc@sentry.example/prefix/42');
  t.equal(address.url, 'https://sentry.example/prefix/api/42/envelope/');
  for (const dsn of ['', 'https://sentry.example/42', 'https://abc@sentry.example/', 'ftp://a@b/1'])
    t.throws(() => parseSentryDsn(dsn), TypeError, dsn);
  const at = new Date('2026-11-20T12:00:00Z');
  const { headers, body } = sentryEnvelope(address, {
    ...{ id: 'ab12', at, severity: 'critical', type: 'system.error', text, data: { task: 'x' } },
  });
  t.match(headers['x-sentry-auth'], 'sentry_key=abc');
  t.match(
    body.split('\n').map((line) => JSON.parse(line)),
    [
      { event_id: 'ab12', sent_at: '2026-11-20T12:00:00.000Z' },
      { type: 'event' },
      { event_id: 'ab12', level: 'fatal', message: { formatted: 'A <b>: x & y' }, extra: { task: 'x' } },
    ],
  );
});
