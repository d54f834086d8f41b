import t from 'tap';
import { isCron, nextOccurrence, runsPerDay } from './cron.ts';

const next = (cron: string, after: string, time_zone = 'UTC') =>
  nextOccurrence({ cron, time_zone }, new Date(after))?.toISOString() ?? null;

t.test('the next time of a schedule', async (t) => {
  const cases: [string, string, string | null, string?][] = [
    ['0 9 * * *', '2026-11-27T08:59:59Z', '2026-11-27T09:00:00.000Z'],
    ['0 9 * * *', '2026-11-27T09:00:00Z', '2026-11-28T09:00:00.000Z'],
    ['*/20 8-9 * * mon-fri', '2026-11-27T09:40:00Z', '2026-11-30T08:00:00.000Z'],
    ['30 7,18 * * *', '2026-11-27T08:00:00Z', '2026-11-27T18:30:00.000Z'],
    ['0 0 1 jan *', '2026-11-27T00:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['0 0 29 2 *', '2026-11-27T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 30 2 *', '2026-11-27T00:00:00Z', null],
    ['0 9 13 * 5', '2026-11-27T10:00:00Z', '2026-12-04T09:00:00.000Z'],
    ['0 9 * * 7', '2026-11-27T10:00:00Z', '2026-11-29T09:00:00.000Z'],
    ['0 9 * * *', '2026-11-27T10:00:00Z', '2026-11-28T08:00:00.000Z', 'Europe/Berlin'],
    ['0 9 * * *', '2026-07-01T10:00:00Z', '2026-07-02T07:00:00.000Z', 'Europe/Berlin'],
    ['0 6 * * *', '2026-11-27T10:00:00Z', '2026-11-27T17:00:00.000Z', 'Pacific/Auckland'],
    ['30 2 * * *', '2026-03-29T00:00:00Z', '2026-03-29T01:00:00.000Z', 'Europe/Berlin'],
    ['0 9 * * *', '2026-11-27T10:00:00Z', '2026-11-28T03:30:00.000Z', 'Asia/Kolkata'],
  ];
  for (const [cron, after, expected, zone] of cases)
    t.equal(next(cron, after, zone), expected, `${cron} after ${after} in ${zone ?? 'UTC'}`);
});

t.test('what is an expression, and how often it runs on one day', async (t) => {
  for (const bad of [
    '',
    '* * * *',
    '60 * * * *',
    '0 24 * * *',
    '5-1 * * * *',
    '*/0 * * * *',
    '0 9 * * xyz',
    '* * * * * *',
    '0 9 0 * *',
    '*-5 * * * *',
    '1.5 * * * *',
    '-1 * * * *',
  ])
    t.notOk(isCron(bad), bad);
  t.equal(runsPerDay('0 9 * * *'), 1);
  t.equal(runsPerDay('*/30 8-10 * * 1'), 6);
});
