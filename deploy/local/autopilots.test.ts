/** Autopilots and the inbox through the whole system, on the catalogue that sells them. */
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { createTestJobs, runTaskOnce, until } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLogger } from '#libs/service/logger.ts';
import { request } from '#libs/testing/http.ts';
import { checkEmitted } from '#libs/testing/webhook-events.ts';
import { type Answer, type Customer, startInstallation } from './installation.fixture.ts';

const AUTOPILOTS = '/api/autopilots';
const MESSAGES = '/api/inbox/messages';

const system = await startInstallation(t, 'lily');
const { call, customer, pool, databaseUrl, simulator, url, gatewayTasks } = system;
const database = createDatabase(pool);
const startTasks = gatewayTasks.filter(({ name }) => name === 'start-autopilot-run');
createTestJobs(t, databaseUrl, startTasks).jobs.start();

const send = (method: string, path: string, token: string, body?: object): Promise<Answer> =>
  request(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body && { body }),
  });

async function connect(token: string, platform: string): Promise<string> {
  const body = { platform, handle: 'inkmeter', credentials: 'from the network' };
  const { status, body: connection } = await call('/api/social/connections', token, body);
  t.equal(status, 201);
  return connection.id;
}

const DAILY = { cron: '0 9 * * *' };
const settings = (more: object = {}) => ({
  name: 'Pen of the week',
  topics: ['how nibs are made', 'inks that do not fade'],
  networks: ['x'],
  schedule: DAILY,
  ...more,
});

async function create(token: string, more: object = {}): Promise<string> {
  const { status, body } = await call(AUTOPILOTS, token, settings(more));
  t.equal(status, 201, JSON.stringify(body));
  return body.id;
}

/** Makes an autopilot due, as long ago as given, and waits for the end of the run. */
async function runOf(id: string, token: string, overdue = '1 second') {
  const before = await runs(id, token);
  await pool.query('UPDATE autopilots SET next_run_at = now() - $2::interval WHERE id = $1', [id, overdue]);
  await enqueue(database, 'schedule-autopilot-runs', {});
  let latest = before;
  await until(async () => {
    latest = await runs(id, token);
    return latest.length > before.length && latest[0].finished_at !== null;
  });
  t.equal(latest.length, before.length + 1, 'one run');
  return latest[0];
}

const runs = async (id: string, token: string) => (await call(`${AUTOPILOTS}/${id}/runs`, token)).body.data;

async function used({ token }: Customer, meter: string) {
  const { body } = await call('/api/subscription/usage', token);
  return body.data.limits.find(
    (limit: { meter: string; window: string }) => limit.meter === meter && limit.window === 'day',
  )?.used;
}

t.test('given plans without autopilots, features or enough daily posts, then they are refused', async (t) => {
  const free = await customer();
  t.match(await call(AUTOPILOTS, free.token, settings()), {
    status: 403,
    body: {
      code: 'feature_not_in_plan',
      feature: 'social.autopilot_posts',
      suggested_plans: [{ key: 'starter' }, { key: 'pro' }],
    },
  });
  const starter = await customer('starter');
  for (const [feature, more] of [
    ['social.autopilot_posts', { networks: ['x', 'facebook'] }],
    ['social.autopilot_posts', { schedule: { cron: '0 9,18 * * *' } }],
    ['autopilot_research', { research: true }],
    ['autopilot_ads', { ads: true }],
    ['enhanced_autopilot', { learn: true }],
  ] as const) {
    const refused = await call(AUTOPILOTS, starter.token, settings(more));
    t.match(refused, { status: 403, body: { code: 'feature_not_in_plan', feature } }, feature);
    t.equal(refused.body.suggested_plans[0].key, 'pro');
  }
  const ads = { topic: 'fountain pens', content_types: ['ads'] };
  t.match(await call('/api/generations', starter.token, ads), {
    status: 403,
    body: { feature: 'autopilot_ads', suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }] },
  });
  const reply = { text: 'Hello?', content_types: ['reply'] };
  t.match(await call('/api/generations', starter.token, reply), {
    status: 403,
    body: { feature: 'ai_inbox' },
  });
});

t.test('given bad settings, then the answer names the field', async (t) => {
  const { token } = await customer('pro');
  for (const [field, more] of [
    ['schedule.cron', { schedule: { cron: 'every day' } }],
    ['schedule.cron', { schedule: { cron: '* * * * *' } }],
    ['schedule.cron', { schedule: { cron: '0 9 31 2 *' } }],
    ['schedule.time_zone', { schedule: { ...DAILY, time_zone: 'Mars/Olympus' } }],
    ['topics', { topics: [] }],
    ['topics', { topics: undefined }],
    ['networks', { networks: ['x', 'x'] }],
    ['name', { name: 'a\u0000b' }],
  ] as const) {
    const { status, body } = await call(AUTOPILOTS, token, settings(more));
    t.match({ status, body }, { status: 400, body: { code: 'invalid_request' } }, field);
    t.match(JSON.stringify(body), field);
  }
  t.match(await call(AUTOPILOTS, token, settings({ connection_ids: [crypto.randomUUID()] })), {
    status: 404,
  });
  t.match(await call(AUTOPILOTS, token, settings({ auto_post: true })), {
    status: 422,
    body: { param: 'networks', detail: /posted to x / },
  });
  t.match(
    await call(AUTOPILOTS, token, settings({ topics: undefined, content_plan_id: crypto.randomUUID() })),
    {
      status: 404,
    },
  );
  t.match(await call(AUTOPILOTS, null, settings()), { status: 401 });
  const oversized = settings({ name: 'x'.repeat(17_000_000) });
  t.match(await call(AUTOPILOTS, token, oversized), { status: 413 });
});

t.test(
  'given everything switched on, when it is due, then it researches, writes, publishes and learns',
  async (t) => {
    const pro = await customer('enterprise');
    const { token } = pro;
    await connect(token, 'twitter');
    const linkedin = await connect(token, 'linkedin');
    const id = await create(token, {
      networks: ['linkedin', 'x'],
      ...{ research: true, ads: true, learn: true, auto_post: true },
      schedule: { cron: '0 9 * * *', time_zone: 'Europe/Berlin' },
    });
    const first = await runOf(id, token, '3 days');
    t.match(first, {
      status: 'completed',
      topic: 'how nibs are made',
      problem: null,
      choice: { reason: 'The next topic in turn: no results have been reported yet.' },
      posts: [{ network: 'linkedin', connection_id: linkedin }, { network: 'x' }],
    });
    const { body: job } = await call(`/api/generations/${first.generation_id}`, token);
    t.match(job, { status: 'completed', content_types: ['social', 'ads'], request: { research: true } });
    t.ok(job.steps.some(({ step }: { step: string }) => step.startsWith('research.')));
    await until(async () => (await call('/api/social/posts?state=published', token)).body.data.length === 2);
    const { body: seen } = await request<{ posts: { platform: string }[] }>(
      `${simulator.url}/social/v1/posts`,
    );
    t.same(new Set(seen.posts.map(({ platform }) => platform)), new Set(['twitter', 'linkedin']));
    t.equal(await used(pro, 'social.autopilot_posts'), '2');
    t.equal(await used(pro, 'social.posts'), '2');

    const [post] = (await call('/api/social/posts', token)).body.data;
    t.equal(post.autopilot_run_id, first.id);
    const results = { impressions: 5_000, engagements: 600, clicks: 150 };
    const report = `/api/social/posts/${post.id}/results`;
    for (const _ of [1, 2]) t.match(await call(report, token, results), { status: 200, body: { results } });
    t.match(await call(report, token, { ...results, clicks: -1 }), { status: 400 });
    t.match(await call(report, (await customer('pro')).token, results), { status: 404 });
    const second = await runOf(id, token);
    t.match(second, {
      status: 'completed',
      topic: 'inks that do not fade',
      choice: {
        reason: 'Its posts have no results yet, and it had 0 of the latest 1 runs.',
        topics: [
          { topic: 'how nibs are made', runs: 1, impressions: 5_000, reactions: 750 },
          { topic: 'inks that do not fade', runs: 0, impressions: 0, reactions: 0, weight: 1 },
        ],
      },
    });
    const { body: autopilot } = await call(`${AUTOPILOTS}/${id}`, token);
    t.match(autopilot, { status: 'active', consecutive_failures: 0, next_run_at: /T0[78]:00:00.000Z$/ });
    t.strictSame(await findBreaches(pool), []);

    // Attempts to start one run, as after a crash: all of them arrive at the same time.
    const runId = crypto.randomUUID();
    await pool.query(
      `INSERT INTO autopilot_runs
       SELECT $1::uuid, autopilot_id, account_id, 'starting', scheduled_for, topic, entry, choice, request,
              jsonb_set(inputs, '{autopilot,run_id}', to_jsonb($1::text)), NULL, posts, created_at, NULL, NULL
         FROM autopilot_runs WHERE id = $2`,
      [runId, second.id],
    );
    const { body: me } = await call('/api/me', token);
    const payload = { runId, accountId: pro.accountId, userId: me.user.id, keyId: null, workspaceId: null };
    const logger = createLogger({ name: 'test', level: 'silent' });
    await Promise.all([1, 2, 3].map(() => runTaskOnce(startTasks, 'start-autopilot-run', payload, logger)));
    const again = async () => (await runs(id, token)).find((run: { id: string }) => run.id === runId);
    await until(async () => (await again()).finished_at !== null);
    t.match(await again(), { status: 'completed' });
    const { rows: jobs } = await pool.query(
      `SELECT count(*)::int FROM generations WHERE context #>> '{inputs,autopilot,run_id}' = $1`,
      [runId],
    );
    t.strictSame(jobs, [{ count: 1 }]);
    t.equal(await used(pro, 'social.autopilot_posts'), '6', 'two posts of three runs');
    const { rows: held } = await pool.query(
      'SELECT coalesce(sum(held), 0)::int AS sum FROM ledger_counters WHERE account_id = $1',
      [pro.accountId],
    );
    t.strictSame(held, [{ sum: 0 }], 'nothing stays held');
    t.strictSame(await findBreaches(pool), []);
  },
);

t.test(
  'given a limit that is used up, then runs are refused, and the third pauses the autopilot',
  async (t) => {
    const starter = await customer('starter');
    const { token } = starter;
    await connect(token, 'twitter');
    const id = await create(token);
    const first = await runOf(id, token);
    t.match(first, { status: 'completed', posts: [{ network: 'x', post_id: /-/ }] });
    const { body: draft } = await call(`/api/social/posts/${first.posts[0].post_id}`, token);
    t.match(draft, { state: 'draft', autopilot_run_id: first.id, results: null });
    t.equal(await used(starter, 'social.posts'), '0', 'a draft is no post yet');
    t.match(
      await call(`/api/social/posts/${draft.id}/results`, token, {
        impressions: 1,
        engagements: 0,
        clicks: 0,
      }),
      {
        status: 409,
      },
    );
    for (const failures of [1, 2, 3]) {
      const refused = await runOf(id, token);
      t.match(refused, {
        status: 'refused',
        generation_id: null,
        problem: { code: 'limit_exceeded', limit: { meter: 'social.autopilot_posts' } },
      });
      t.match(await call(`${AUTOPILOTS}/${id}`, token), { body: { consecutive_failures: failures } });
    }
    t.match(await call(`${AUTOPILOTS}/${id}`, token), {
      body: { status: 'paused', pause_reason: 'repeated_failures', next_run_at: null },
    });
    const { rows } = await pool.query(
      `SELECT type, count(*)::int FROM outbox_events WHERE account_id = $1 AND type LIKE 'autopilot.%' GROUP BY 1 ORDER BY 1`,
      [starter.accountId],
    );
    t.strictSame(rows, [
      { type: 'autopilot.paused', count: 1 },
      { type: 'autopilot.run_finished', count: 4 },
    ]);
    const events = await pool.query(`SELECT type, payload FROM outbox_events WHERE type LIKE 'autopilot.%'`);
    checkEmitted(events.rows, ['autopilot.paused', 'autopilot.run_finished']);
    const { body: me } = await call('/api/me', token);
    const { body: alerts } = await call(`/api/subscription/alerts/${me.user.id}`, token);
    t.ok(alerts.data.alerts.some(({ title }: { title: string }) => title === 'Autopilot paused'));

    t.match(await send('POST', `${AUTOPILOTS}/${id}/resume`, token), {
      status: 200,
      body: { status: 'active', consecutive_failures: 0, next_run_at: /Z$/ },
    });
    t.match(await send('POST', `${AUTOPILOTS}/${id}/resume`, token), { status: 409 });
    t.match(await send('POST', `${AUTOPILOTS}/${id}/pause`, token), { body: { pause_reason: 'requested' } });
    const other = (await customer('pro')).token;
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['GET', '/runs'],
    ] as const)
      t.match(await send(method, `${AUTOPILOTS}/${id}${path}`, other), { status: 404 }, `${method} ${path}`);
    t.match(await send('PATCH', `${AUTOPILOTS}/${id}`, token, { name: 'New', topics: ['nibs'] }), {
      body: { name: 'New', topics: ['nibs'], status: 'paused', networks: ['x'] },
    });
    t.equal((await send('DELETE', `${AUTOPILOTS}/${id}`, token)).status, 204);
    t.match(await call(`${AUTOPILOTS}/${id}/runs`, token), { status: 404 });
  },
);

t.test(
  'given a content plan, then each run takes its next entry, and the last one finishes it',
  async (t) => {
    const { token } = await customer('pro');
    const { body: job } = await call('/api/generations', token, {
      ...{ topic: 'fountain pens', content_types: ['content_plan'], horizon_days: 6 },
    });
    const plan = async () => (await call(`/api/generations/${job.id}`, token)).body;
    await until(async () => (await plan()).status === 'completed');
    const { document_id: planId } = (await plan()).parts[0];
    const { body: document } = await call(`/api/documents/${planId}`, token);
    const { entries } = document.content;
    const id = await create(token, { topics: undefined, content_plan_id: planId });
    for (const entry of entries)
      t.match(await runOf(id, token), { status: 'completed', topic: `${entry.title}: ${entry.angle}` });
    await pool.query('UPDATE autopilots SET next_run_at = now() WHERE id = $1', [id]);
    await enqueue(database, 'schedule-autopilot-runs', {});
    await until(async () => (await call(`${AUTOPILOTS}/${id}`, token)).body.status === 'finished');
    t.equal((await runs(id, token)).length, entries.length);
  },
);

t.test(
  'given a member who is removed, then their autopilot is paused until another resumes it',
  async (t) => {
    const { token } = await customer('pro');
    const member = {
      email: 'grace@lily.example',
      password: 'a first password',
      name: 'Grace',
      role: 'member',
    };
    const { body: added } = await call('/api/members', token, member);
    const login = await call('/api/auth/login', null, { email: member.email, password: member.password });
    const id = await create(login.body.access_token);
    t.equal((await send('DELETE', `/api/members/${added.user_id}`, token)).status, 204);
    t.match(await runOf(id, token), { status: 'refused', problem: { code: 'not_found' } });
    t.match(await call(`${AUTOPILOTS}/${id}`, token), {
      body: { status: 'paused', pause_reason: 'creator_removed' },
    });
    t.match(await send('POST', `${AUTOPILOTS}/${id}/resume`, token), { body: { status: 'active' } });
    t.match(await runOf(id, token), { status: 'completed', posts: [{ connection_id: null, post_id: null }] });
  },
);

const message = (more: object = {}) => ({
  network: 'x',
  external_id: '1789',
  author: { name: 'Ada', handle: 'ada.writes', email: 'ada@example.com' },
  text: 'Does the blue ink survive a rainy day?',
  received_at: '2026-11-27T11:58:00Z',
  ...more,
});

t.test(
  'given messages, then each is stored once, answered within the limits, and deleted with its drafts',
  async (t) => {
    t.match(await call(MESSAGES, (await customer('starter')).token, message()), {
      status: 403,
      body: { feature: 'ai_inbox', suggested_plans: [{ key: 'pro' }, { key: 'enterprise' }] },
    });
    const pro = await customer('enterprise');
    const { token } = pro;
    const { status, body: created } = await call(MESSAGES, token, message());
    t.equal(status, 201);
    t.match(created, {
      status: 'open',
      draft: null,
      reply: null,
      author: { name: 'Ada', handle: 'ada.writes' },
    });
    t.match(await call(MESSAGES, token, message({ text: 'Changed' })), { status: 200, body: created });
    for (const bad of [{ network: 'fax' }, { text: '' }, { author: {} }, { received_at: 'now' }, { more: 1 }])
      t.match(await call(MESSAGES, token, message(bad)), { status: 400 }, JSON.stringify(bad));
    t.match(await call(MESSAGES, null, message()), { status: 401 });

    const path = `${MESSAGES}/${created.id}`;
    const other = (await customer('pro')).token;
    t.match(await call(`${path}/draft`, other, {}), { status: 404 });
    t.match(await call(path, other), { status: 404 });
    await send('PUT', '/api/integrations/hubspot', token, { token: 'pat-contacts' });
    const { status: accepted, body: job } = await call(`${path}/draft`, token, { tone: 'friendly' });
    t.equal(accepted, 202, JSON.stringify(job));
    t.match(job, { content_types: ['reply'] });
    await until(async () => (await call(path, token)).body.draft?.status === 'completed');
    const { body: drafted } = await call(path, token);
    t.match(drafted.draft, {
      generation_id: job.id,
      intent: 'question',
      sentiment: 'neutral',
      urgency: 'normal',
    });
    t.ok(drafted.draft.replies.length >= 1 && drafted.draft.replies.length <= 3);
    for (const { text, characters, max_characters: max } of drafted.draft.replies)
      t.ok(text.length === characters && characters <= max && max === 280);
    const { rows: known } = await pool.query(
      `SELECT context #>> '{inputs,message,contact}' AS contact FROM generations WHERE id = $1`,
      [job.id],
    );
    t.strictSame(known, [{ contact: 'Name: Ada Lovelace\nCompany: Analytical Engines\nStage: customer' }]);
    const { rows } = await pool.query(
      `SELECT type, payload FROM outbox_events WHERE type = 'inbox.message_drafted'`,
    );
    checkEmitted(rows, ['inbox.message_drafted']);
    t.match(rows, [{ payload: { message_id: created.id, generation_id: job.id, status: 'completed' } }]);
    t.equal(rows.length, 1);

    const [{ text: reply }] = drafted.draft.replies;
    t.match(await send('PATCH', path, token, { status: 'answered' }), { status: 400 });
    t.match(await send('PATCH', path, token, { status: 'answered', reply }), {
      status: 200,
      body: { status: 'answered', reply, answered_at: /Z$/ },
    });
    t.strictSame((await call(`${MESSAGES}?status=open`, token)).body.data, []);
    t.equal((await call(`${MESSAGES}?status=answered&network=x`, token)).body.data.length, 1);
    t.equal((await send('DELETE', path, token)).status, 204);
    t.match(await call(`/api/generations/${job.id}`, token), { status: 404 });
    t.strictSame((await call('/api/documents?content_type=reply', token)).body.data, []);
  },
);
