import t from 'tap';
import { createFakeRandom } from '#libs/testing/runtime.ts';
import { limitName } from './dashboard.ts';
import { forecast } from './forecast.ts';
import { addDays, addMonths, dayOf, monthIndex, monthStarts } from './months.ts';

/** Costs of `days` days from the first on. */
function costsFrom(firstDay: string, days: number, costOf: (day: string) => number): Map<string, bigint> {
  return new Map(
    Array.from({ length: days }, (_, index) => {
      const day = addDays(firstDay, index);
      return [day, BigInt(costOf(day))];
    }),
  );
}

const isWeekend = (day: string) => [0, 6].includes(new Date(day).getUTCDay());
const november = { firstDay: '2026-11-01', days: 30, daysBegun: 10 };
const earlier = [1, 2, 3].map((index) => ({ firstDay: addDays('2026-11-01', -30 * index), days: 30 }));

t.test('given anchors on every day, then months follow each other without a gap', (t) => {
  t.equal(dayOf(addMonths(new Date('2026-01-31T10:00:00Z'), 1)), '2026-02-28');
  t.equal(dayOf(addMonths(new Date('2028-01-31T10:00:00Z'), 1)), '2028-02-29', 'leap year');
  t.equal(dayOf(addMonths(new Date('2026-01-31T10:00:00Z'), 2)), '2026-03-31', 'back to the 31st');
  t.strictSame(monthStarts(new Date('2025-10-31T00:00:00Z'), new Date('2026-03-30T23:59:59Z'), 3), [
    '2025-12-31',
    '2026-01-31',
    '2026-02-28',
    '2026-03-31',
  ]);
  for (let day = 1; day <= 31; day += 1) {
    const anchor = new Date(Date.UTC(2024, 0, day, 7, 30));
    for (let hour = -24 * 40; hour < 24 * 800; hour += 17) {
      const now = new Date(anchor.getTime() + hour * 3_600_000);
      const index = monthIndex(anchor, now);
      if (!(addMonths(anchor, index) <= now && now < addMonths(anchor, index + 1)))
        t.fail(`${anchor.toISOString()} ${now.toISOString()}`);
    }
  }
  t.end();
});

t.test('given no history, then every day counts the same', (t) => {
  const costs = costsFrom('2026-11-01', 10, () => 1_575_000_000);
  t.strictSame(forecast(costs, november, earlier), {
    costNanoUsd: 47_250_000_000n,
    error: 0,
    errorFrom: 'daily_variance',
    testedPeriods: 0,
    hasWeekdays: false,
  });
  t.match(forecast(new Map(), november, earlier), { costNanoUsd: 0n, error: null, errorFrom: null });
  t.end();
});

t.test('given weekends without calls, then the weekday pattern is better than the average', (t) => {
  const random = createFakeRandom(7);
  const costs = costsFrom('2026-06-01', 183, (day) =>
    isWeekend(day) ? 0 : 1_000_000_000 + Math.round(random() * 100_000_000),
  );
  // The first day is a Sunday: 10 days have 3 days of weekends, 30 days have 9.
  const actual = [...costs].filter(([day]) => day >= '2026-11-01' && day < '2026-12-01');
  const sum = actual.reduce((total, [, cost]) => total + Number(cost), 0);
  const begun = actual.slice(0, 10).reduce((total, [, cost]) => total + Number(cost), 0);
  const result = forecast(costs, { ...november, daysBegun: 2 }, earlier);
  const linear = Number(costs.get('2026-11-02')) * 15;
  const errorOf = (projected: number) => Math.abs(projected - sum) / sum;
  t.ok(result.hasWeekdays);
  t.ok(errorOf(Number(result.costNanoUsd)) < errorOf(linear), `${errorOf(Number(result.costNanoUsd))}`);
  const onDayTen = forecast(costs, november, earlier);
  t.ok(errorOf(Number(onDayTen.costNanoUsd)) < 0.05, `${errorOf(Number(onDayTen.costNanoUsd))}`);
  t.ok(begun < Number(onDayTen.costNanoUsd));
  t.match(onDayTen, { errorFrom: 'past_periods', testedPeriods: 3 });
  t.ok(onDayTen.error !== null && onDayTen.error < 0.1, 'the stated error is that of earlier periods');
  t.end();
});

t.test('given meters, then limits have the names of the dashboard', (t) => {
  const names = [
    ['calls.gemini', 'period', 'gemini_calls'],
    ['tokens.total', 'day', 'daily_total_tokens'],
    ['cost', 'month', 'monthly_cost'],
    ['cost', 'day', 'daily_cost'],
    ['gen.blog', 'period', 'blog_generations'],
    ['kb.files', 'total', 'total_kb_files'],
    ['images', 'month', 'images'],
  ] as const;
  for (const [meter, window, name] of names) t.equal(limitName({ meter, window }), name);
  t.end();
});
