import t from 'tap';
import { createTestSocial } from '../social/social.fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

t.test('given replicas, when autopilots are due after a downtime, then each starts one run', async (t) => {
  const social = await createTestSocial(t, { instances: 2 });
  const { call, pool, clock, runEverywhere } = social;
  const settings = { networks: ['x'], topics: ['nibs', 'inks'], schedule: { cron: '0 9 * * *' } };
  const ids: string[] = [];
  for (const name of ['one', 'two']) {
    const { status, body } = await call('POST', '/api/autopilots', { body: { name, ...settings } });
    t.equal(status, 201);
    ids.push(body.id);
  }
  const started = async () =>
    (
      await pool.query(
        `SELECT r.autopilot_id, r.topic, r.status, j.payload ->> 'userId' AS user
           FROM autopilot_runs r JOIN graphile_worker._private_jobs j ON j.payload ->> 'runId' = r.id::text
          ORDER BY r.created_at, r.autopilot_id`,
      )
    ).rows;

  await runEverywhere('schedule-autopilot-runs');
  t.strictSame(await started(), [], 'none is due');
  clock.advance(5 * DAY_MS);
  await Promise.all([1, 2].map(() => runEverywhere('schedule-autopilot-runs')));
  const first = await started();
  t.match(first, [
    { topic: 'nibs', status: 'starting', user: /-/ },
    { topic: 'nibs', status: 'starting' },
  ]);
  t.same(new Set(first.map(({ autopilot_id: id }) => id)), new Set(ids));
  const { body } = await call('GET', `/api/autopilots/${ids[0]}`);
  const next = new Date(body.next_run_at).getTime() - clock.now().getTime();
  t.ok(next > 0 && next <= DAY_MS, 'the next run is the next time, and none is made up for');
  t.match(await call('DELETE', `/api/autopilots/${ids[0]}`), { status: 409 }, 'while a run is open');

  clock.advance(DAY_MS);
  await runEverywhere('schedule-autopilot-runs');
  t.strictSame(
    (await started()).map(({ topic }) => topic),
    ['nibs', 'nibs', 'inks', 'inks'],
  );

  // The gateway does not answer.
  await runEverywhere('end-lost-autopilot-runs');
  const runs = await call('GET', `/api/autopilots/${ids[0]}/runs?status=failed`);
  t.match(runs.body.data, [{ topic: 'nibs', problem: { code: 'service_unavailable' } }]);
});

t.test(
  'given a downgrade, when an autopilot is due, then its run is refused without a request',
  async (t) => {
    const { call, pool, clock, runEverywhere, setPlan } = await createTestSocial(t);
    const { body } = await call('POST', '/api/autopilots', {
      body: {
        name: 'Learns',
        networks: ['x'],
        topics: ['nibs'],
        schedule: { cron: '0 9 * * *' },
        learn: true,
      },
    });
    await setPlan('starter');
    clock.advance(DAY_MS);
    await runEverywhere('schedule-autopilot-runs');
    const runs = await call('GET', `/api/autopilots/${body.id}/runs`);
    t.match(runs.body.data, [
      {
        status: 'refused',
        problem: {
          code: 'feature_not_in_plan',
          feature: 'enhanced_autopilot',
          suggested_plans: [{ key: 'pro' }, {}],
        },
      },
    ]);
    const { rows } = await pool.query(`SELECT type FROM outbox_events WHERE type LIKE 'autopilot.%'`);
    t.strictSame(rows, [{ type: 'autopilot.run_finished' }]);
  },
);
