import t from 'tap';
import type { BreakdownRowWire } from '#libs/contracts/dashboard.ts';
import { createTestService } from '../fixtures.ts';

const INSIGHTS = '/api/usage/insights';
const PROJECTION = '/api/usage/projection';
/** From the first of these days, with today's date 2026-11-20. */
const breakdown = (from: string, granularity = 'total', to = from) =>
  `/api/usage/breakdown?from=${from}&to=${to}&granularity=${granularity}`;

t.test('given plans that include different views of usage', async (t) => {
  const service = await createTestService(t);
  service.runtime.clock.set('2026-11-20T12:00:00Z');
  const statusOf = async (url: string) => (await service.call('GET', url, { as: 'owner' })).status;

  await t.test('then insights and projections are refused with the plans that include them', async (t) => {
    service.sell('lily', 'starter');
    const pro = { key: 'pro', name: 'Pro', rank: 20, price: { currency: 'USD', monthly_minor: 7900 } };
    const insights = await service.call('GET', INSIGHTS, { as: 'owner' });
    t.match(insights, {
      status: 403,
      body: {
        code: 'feature_not_in_plan',
        feature: 'advanced_analytics',
        reason: 'feature_restricted',
        plan: 'starter',
        source: 'plan:starter',
        suggested_plans: [pro, { key: 'enterprise' }],
      },
    });
    const projection = await service.call('GET', PROJECTION, { as: 'owner' });
    t.match(projection, { status: 403, body: { feature: 'predictive_analytics' } });
    t.match(projection.body.suggested_plans, [{ key: 'enterprise' }]);
    t.equal(projection.body.suggested_plans.length, 1);

    service.sell('lily', 'pro');
    t.strictSame([await statusOf(INSIGHTS), await statusOf(PROJECTION)], [200, 403]);
    service.sell('lily', 'enterprise');
    t.strictSame([await statusOf(INSIGHTS), await statusOf(PROJECTION)], [200, 200]);
  });

  await t.test('then a catalogue that does not sell a view has it in every plan', async (t) => {
    service.sell('default', 'free');
    t.strictSame([await statusOf(INSIGHTS), await statusOf(PROJECTION)], [403, 200]);
    service.sell('crew', 'free');
    t.strictSame([await statusOf(INSIGHTS), await statusOf(PROJECTION)], [200, 200]);
    t.equal(await statusOf(breakdown('2020-01-01', 'hour')), 200);
  });

  await t.test('then the depth bounds how far back breakdowns reach, and whether by hour', async (t) => {
    const firstDays = [
      ['free', '2026-08-20', '2026-08-19'],
      ['basic', '2025-10-16', '2025-10-15'],
      ['pro', '2024-09-11', '2024-09-10'],
    ] as const;
    for (const [plan, first, before] of firstDays) {
      service.sell('default', plan);
      t.strictSame([await statusOf(breakdown(first)), await statusOf(breakdown(before))], [200, 403], plan);
    }
    service.sell('default', 'basic');
    t.match(await service.call('GET', breakdown('2024-11-20'), { as: 'owner' }), {
      status: 403,
      body: {
        code: 'feature_not_in_plan',
        detail: 'The plan shows the usage of the last 400 days. Choose a later `from`.',
        feature: 'analytics_depth',
        suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }],
      },
    });
    t.match(await service.call('GET', breakdown('2026-11-20', 'hour'), { as: 'owner' }), {
      status: 403,
      body: { detail: 'The plan shows usage by day, not by hour.' },
    });
    service.sell('default', 'pro');
    t.equal(await statusOf(breakdown('2026-11-20', 'hour')), 200);
    t.equal(await statusOf(breakdown('2026-11-14', 'hour', '2026-11-20')), 200, 'seven days');
    t.equal(await statusOf(breakdown('2026-11-13', 'hour', '2026-11-20')), 400, 'eight days');
    service.sell('default', 'enterprise');
    t.equal(await statusOf(breakdown('2020-01-01')), 200);
    t.same(
      (await service.call<{ rows: BreakdownRowWire[] }>('GET', breakdown('2020-01-01'), { as: 'owner' })).body
        .rows,
      [],
    );
  });
});
