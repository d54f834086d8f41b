/** Whose steps run next: by the priority of plans, and fairly between accounts. */
import t from 'tap';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { jobClient } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const { pool, simulator } = generation;
const client = jobClient(generation);

const POSTS = { topic: 'fountain pens', content_types: ['social'] };
const OTHER_CALLER = { ...CALLER, accountId: OTHER_ACCOUNT };
const TERMS = { maxParallel: 2, priority: 0 };

const openGate = (name: string) => fetch(`${simulator.url}/release?name=${name}`, { method: 'POST' });

t.test('given a plan with priority_processing, then its steps come before those of others', async (t) => {
  const usual = await client.submit(POSTS, { terms: TERMS });
  const urgent = await client.submit(POSTS, { terms: { ...TERMS, priority: 10 }, caller: OTHER_CALLER });
  const { rows } = await pool.query(
    `SELECT payload->>'generationId' AS id FROM graphile_worker._private_jobs
      WHERE payload->>'step' IS NOT NULL ORDER BY priority, run_at`,
  );
  t.strictSame(
    rows.map(({ id }) => id),
    [urgent.requestId, usual.requestId],
  );
  for (const [{ requestId: id }, caller] of [
    [usual, CALLER],
    [urgent, OTHER_CALLER],
  ] as const)
    t.match(await client.call('POST', `/api/generations/${id}/cancel`, caller), { status: 200 });
  await pool.query(`DELETE FROM graphile_worker._private_jobs WHERE payload->>'step' IS NOT NULL`);
  await pool.query('DELETE FROM generations');
});

t.test(
  'given a queue full of one account, when another adds a job, then it comes before those',
  async (t) => {
    const wide = { maxParallel: 64, priority: 0 };
    for (let number = 1; number <= 10; number += 1) await client.submit(POSTS, { terms: wide });
    const other = await client.submit(POSTS, { terms: TERMS, caller: OTHER_CALLER });
    const { rows } = await pool.query(
      `SELECT payload->>'generationId' AS id, run_at FROM graphile_worker._private_jobs
      WHERE payload->>'step' IS NOT NULL ORDER BY run_at`,
    );
    t.equal(rows.length, 11);
    const position = rows.findIndex(({ id }) => id === other.requestId);
    t.ok(position < 8, `${position} of the ten that were there before come first`);
    await pool.query(`DELETE FROM graphile_worker._private_jobs WHERE payload->>'step' IS NOT NULL`);
    await pool.query('DELETE FROM generations');
  },
);

t.test(
  'given 1,000 jobs of one account, when another adds one, then it starts with the next step',
  async (t) => {
    const gated = (name: string) => ({ ...POSTS, topic: `pens [[simulate: until=${name}]]` });
    const submit = async (name: string) => (await client.submit(gated(name), { terms: TERMS })).requestId;
    const own = [await submit('first'), await submit('second'), await submit('third')];
    // The other jobs are copies, which is cheaper than 1,000 requests. Their ids put them behind.
    await pool.query(
      `INSERT INTO generations SELECT (jsonb_populate_record(g, jsonb_build_object('id', overlay(gen_random_uuid()::text PLACING 'ffffffff' FROM 1)))).*
       FROM generations g CROSS JOIN generate_series(1, 997) WHERE g.id = $1`,
      [own[2]],
    );
    await pool.query(
      `INSERT INTO generation_steps SELECT (jsonb_populate_record(s, jsonb_build_object('generation_id', g.id, 'status', 'ready'))).*
       FROM generation_steps s CROSS JOIN generations g WHERE s.generation_id = $1 AND g.id::text LIKE 'ffffffff%'`,
      [own[2]],
    );
    const { rows } = await pool.query(
      'SELECT status, count(*)::integer AS n FROM generation_steps GROUP BY status ORDER BY status',
    );
    t.strictSame(rows, [
      { status: 'queued', n: 2 },
      { status: 'ready', n: 998 },
    ]);
    const other = await client.submit(POSTS, { terms: TERMS, caller: OTHER_CALLER });
    const { jobs: fair } = createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 2 });
    fair.start();
    await simulator.witness.arrived(2);
    await openGate('first');
    await simulator.witness.arrived(4);
    const { rows: started } = await pool.query(
      `SELECT generation_id AS id FROM generation_events WHERE type = 'step' AND data->>'status' = 'running' ORDER BY generation_events.id`,
    );
    const [first, second, third] = own;
    const order = started.map(({ id }) => id);
    t.same(order.toSorted(), [first, second, third, other.requestId].sort());
    t.equal(order[0], first);
    t.equal(order.at(-1), third, 'the first account runs as many steps at the same time as its plan says');
    t.ok(
      order.indexOf(other.requestId) < 3,
      'the other account starts with the next step, although 998 were there before',
    );
    await pool.query(`DELETE FROM generations WHERE id::text LIKE 'ffffffff%'`);
    await openGate('second');
    await openGate('third');
    for (const id of own) t.match((await client.finish(id)).at(-1), { event: 'completed' });
  },
);
