import t from 'tap';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { type Answer, createTestSocial, OTHER_ACCOUNT, SOME_ID, type TestSocial } from './social.fixture.ts';

const POSTS = '/api/social/posts';
const MINUTE_MS = 60_000;

async function connect(social: TestSocial, platform = 'twitter', handle = 'inkmeter'): Promise<string> {
  const { status, body } = await social.call('POST', '/api/social/connections', {
    body: { platform, handle, credentials: 'token' },
  });
  if (status !== 201) throw new Error(`Connecting failed: ${JSON.stringify(body)}`);
  return body.id;
}

const write = (
  social: TestSocial,
  connectionId: string,
  more: Record<string, unknown> = {},
): Promise<Answer> =>
  social.call('POST', POSTS, { body: { connection_id: connectionId, text: 'Hello', ...more } });

const inMs = (social: TestSocial, ms: number) => new Date(social.clock.now().getTime() + ms).toISOString();
const schedule = (
  social: TestSocial,
  connectionId: string,
  ms = MINUTE_MS,
  more: Record<string, unknown> = {},
) => write(social, connectionId, { action: 'schedule', scheduled_at: inMs(social, ms), ...more });
const usedToday = async (social: TestSocial) => (await social.counter('social.posts', 'day'))?.used;
const usedThisWeek = async (social: TestSocial) => (await social.counter('social.posts', 'week'))?.used;

t.test('given a draft, when it is published, then it counts, is seen once, and stays', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const { status, body: draft } = await write(social, connectionId, { text: 'Ink flows.' });
  t.equal(status, 201);
  t.match(draft, {
    state: 'draft',
    connection_id: connectionId,
    text: 'Ink flows.',
    scheduled_at: null,
    url: null,
  });
  t.equal(await usedToday(social), 0n, 'a draft does not count');

  const published = await social.call('POST', `${POSTS}/${draft.id}/publish`, { body: {} });
  t.match(published, {
    status: 200,
    body: { id: draft.id, state: 'published', url: /^https:\/\/twitter\.example/, failure: null },
  });
  t.match(await social.published(), [{ platform: 'twitter', text: 'Ink flows.' }]);
  t.strictSame([await usedToday(social), await usedThisWeek(social)], [1n, 1n]);
  t.strictSame((await social.call('GET', `${POSTS}/${draft.id}`)).body, published.body);

  for (const [method, path] of [
    ['POST', `${POSTS}/${draft.id}/publish`],
    ['DELETE', `${POSTS}/${draft.id}`],
  ] as const) {
    const answer = await social.call(method, path, method === 'POST' ? { body: {} } : {});
    t.match(answer, { status: 409, body: { code: 'conflict', state: 'published' } });
  }
  t.equal((await social.published()).length, 1);
});

t.test(
  'given posts that are due, when replicas publish them at the same time, then each is seen once',
  async (t) => {
    const social = await createTestSocial(t, { plan: 'enterprise', instances: 2 });
    const connectionId = await connect(social);
    const texts = Array.from({ length: 45 }, (_, n) => `Post ${n}`);
    const made = await social.call('POST', `${POSTS}/bulk`, {
      body: {
        posts: texts.map((text) => ({
          connection_id: connectionId,
          text,
          action: 'schedule',
          scheduled_at: inMs(social, MINUTE_MS),
        })),
      },
    });
    t.equal(made.status, 201);
    t.strictSame(
      made.body.data.map(({ text }: { text: string }) => text),
      texts,
      'in the order given',
    );
    t.equal(await usedToday(social), 45n);

    await social.publishDue();
    t.equal((await social.published()).length, 0, 'not before their time');
    social.clock.advance(MINUTE_MS);
    await Promise.all([social.publishDue(), social.publishDue()]);
    t.strictSame((await social.published()).map(({ text }) => text).sort(), texts.sort());
    const { body } = await social.call('GET', `${POSTS}?state=published&limit=100`);
    t.equal(body.data.length, 45);
    t.equal(await usedToday(social), 45n, 'counted when they were scheduled, and not again');
    t.strictSame(await findBreaches(social.pool), []);
  },
);

t.test('given three posts a day, when many are published at once, then three are', async (t) => {
  const social = await createTestSocial(t, { plan: 'free', instances: 2 });
  const connectionId = await connect(social);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => write(social, connectionId, { action: 'publish' })),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 3);
  t.equal(answers.filter(({ status }) => status === 429).length, 47);
  t.equal((await social.published()).length, 3);
  t.match(await write(social, connectionId, { action: 'publish' }), {
    status: 429,
    body: {
      code: 'limit_exceeded',
      limit: { meter: 'social.posts', window: 'day', used: '3', amount: { kind: 'limited', value: '3' } },
      suggested_plans: [{ key: 'pro' }],
    },
  });
  t.equal((await write(social, connectionId)).status, 201, 'drafts may be written all the same');
  t.strictSame(await findBreaches(social.pool), []);
});

t.test('given many posts of which not all fit, then none is written', async (t) => {
  const social = await createTestSocial(t, { plan: 'pro' });
  const connectionId = await connect(social);
  const posts = Array.from({ length: 16 }, () => ({
    connection_id: connectionId,
    text: 'x',
    action: 'publish',
  }));
  t.match(await social.call('POST', `${POSTS}/bulk`, { body: { posts } }), {
    status: 429,
    body: { limit: { asked: '16', amount: { kind: 'limited', value: '15' } } },
  });
  t.equal((await social.call('GET', POSTS)).body.data.length, 0);
  const fits = await social.call('POST', `${POSTS}/bulk`, { body: { posts: posts.slice(1) } });
  t.match(fits, { status: 201, body: { data: [{ state: 'scheduled' }] } });
  await social.publishDue();
  t.equal((await social.published()).length, 15);
});

t.test('given what a plan lacks, posting is refused by feature and by platform', async (t) => {
  const social = await createTestSocial(t, { plan: 'starter' });
  const linkedin = await connect(social, 'linkedin');
  t.match(
    await social.call('POST', `${POSTS}/bulk`, { body: { posts: [{ connection_id: linkedin, text: 'x' }] } }),
    { status: 403, body: { code: 'feature_not_in_plan', feature: 'bulk_operations', plan: 'starter' } },
  );
  t.equal((await schedule(social, linkedin)).status, 201);

  await social.setPlan('free');
  t.match(await schedule(social, linkedin), {
    status: 403,
    body: { code: 'feature_not_in_plan', feature: 'auto_post' },
  });
  t.match(await write(social, linkedin, { action: 'publish' }), {
    status: 403,
    body: { code: 'platform_not_in_plan', available_platforms: ['twitter', 'instagram'] },
  });
  t.equal((await write(social, linkedin)).status, 201, 'a draft may wait for another plan');
  social.clock.advance(MINUTE_MS);
  await social.publishDue();
  t.match(await social.published(), [{ platform: 'linkedin' }], 'what was scheduled before is published');
});

t.test('given a scheduled post, when it is cancelled, then it does not count and is not seen', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const { body } = await schedule(social, connectionId);
  t.match(body, { state: 'scheduled', scheduled_at: inMs(social, MINUTE_MS) });
  t.equal(await usedToday(social), 1n);
  const deleted = await Promise.all(
    Array.from({ length: 5 }, () => social.call('DELETE', `${POSTS}/${body.id}`)),
  );
  t.strictSame(deleted.map(({ status }) => status).sort(), [204, 404, 404, 404, 404]);
  t.strictSame([await usedToday(social), await usedThisWeek(social)], [0n, 0n]);
  social.clock.advance(MINUTE_MS);
  await social.publishDue();
  t.equal((await social.published()).length, 0);
  t.strictSame(await findBreaches(social.pool), []);
});

t.test('given a network that refuses, the post failed, does not count, and may be tried again', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const refused = await write(social, connectionId, { action: 'publish', text: '[[simulate: status=422]]' });
  t.match(refused, {
    status: 201,
    body: { state: 'failed', failure: { code: 'simulated', detail: 'The network refused the post.' } },
  });
  t.equal(await usedToday(social), 0n);
  const again = await social.call('POST', `${POSTS}/${refused.body.id}/publish`, { body: {} });
  t.match(again, { status: 200, body: { state: 'failed' } });
  t.equal(await usedToday(social), 0n);
  t.equal((await social.call('DELETE', `${POSTS}/${refused.body.id}`)).status, 204);
  t.strictSame(await findBreaches(social.pool), []);
});

t.test(
  'given a network that is away, the post waits, is tried again, and is given up in the end',
  async (t) => {
    const social = await createTestSocial(t);
    const connectionId = await connect(social);
    const soon = await write(social, connectionId, { action: 'publish', text: '[[simulate: 503x2]]' });
    const never = await write(social, connectionId, { action: 'publish', text: '[[simulate: 503x99]]' });
    t.equal(soon.body.state, 'scheduled');
    for (let attempt = 2; attempt <= 5; attempt += 1) {
      t.match((await social.call('GET', `${POSTS}/${never.body.id}`)).body, {
        state: 'scheduled',
        failure: null,
      });
      social.clock.advance(30 * MINUTE_MS);
      await social.publishDue();
    }
    t.match((await social.call('GET', `${POSTS}/${soon.body.id}`)).body, { state: 'published' });
    t.match((await social.call('GET', `${POSTS}/${never.body.id}`)).body, {
      state: 'failed',
      failure: { code: 'network_unavailable' },
    });
    t.equal((await social.published()).length, 1);
    t.equal(await usedToday(social), 1n);
  },
);

t.test(
  'given a process that ended while it published, then the outcome is unknown and the post is not sent again',
  async (t) => {
    const social = await createTestSocial(t);
    const connectionId = await connect(social);
    const { body } = await schedule(social, connectionId);
    social.clock.advance(MINUTE_MS);
    await social.publishDue();
    // the state before the outcome could be recorded
    await social.pool.query(
      `UPDATE social_posts SET state = 'scheduled', due_at = scheduled_at, claimed_until = $1`,
      [inMs(social, MINUTE_MS)],
    );
    await social.publishDue();
    t.equal(
      (await social.call('GET', `${POSTS}/${body.id}`)).body.state,
      'scheduled',
      'the attempt may still run',
    );
    t.match(await social.call('DELETE', `${POSTS}/${body.id}`), {
      status: 409,
      body: { state: 'scheduled' },
    });
    social.clock.advance(MINUTE_MS);
    await social.publishDue();
    t.match((await social.call('GET', `${POSTS}/${body.id}`)).body, {
      state: 'unknown',
      failure: { code: 'outcome_unknown' },
    });
    t.equal((await social.published()).length, 1);
    t.equal(await usedToday(social), 1n, 'it still counts');
    for (const [method, path] of [
      ['DELETE', `${POSTS}/${body.id}`],
      ['POST', `${POSTS}/${body.id}/publish`],
    ] as const) {
      const answer = await social.call(method, path, method === 'POST' ? { body: {} } : {});
      t.match(answer, { status: 409, body: { code: 'conflict', state: 'unknown' } }, method);
    }
  },
);

t.test('given a network that breaks in the middle of publishing, then the outcome is unknown', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const { body } = await write(social, connectionId, { action: 'publish', text: '[[simulate: status=502]]' });
  t.match(body, { state: 'unknown', failure: { code: 'outcome_unknown' } });
  t.equal(await usedToday(social), 1n);
  social.clock.advance(60 * MINUTE_MS);
  await social.publishDue();
  t.equal((await social.call('GET', `${POSTS}/${body.id}`)).body.state, 'unknown');
  t.strictSame(await findBreaches(social.pool), []);
});

t.test('given an account that was disconnected, what is scheduled through it fails', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const { body } = await schedule(social, connectionId);
  await social.call('DELETE', `/api/social/connections/${connectionId}`);
  social.clock.advance(MINUTE_MS);
  await social.publishDue();
  t.match((await social.call('GET', `${POSTS}/${body.id}`)).body, {
    state: 'failed',
    failure: { code: 'connection_removed' },
  });
  t.equal(await usedToday(social), 0n);
  t.match(await social.call('POST', `${POSTS}/${body.id}/publish`, { body: {} }), {
    status: 404,
    body: { connection_id: connectionId },
  });
});

t.test('given another tenant, posts and connections are out of sight', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  const { body } = await schedule(social, connectionId);
  const as = { accountId: OTHER_ACCOUNT };
  for (const [method, path, sent] of [
    ['GET', `${POSTS}/${body.id}`, undefined],
    ['DELETE', `${POSTS}/${body.id}`, undefined],
    ['POST', `${POSTS}/${body.id}/publish`, {}],
    ['POST', POSTS, { connection_id: connectionId, text: 'Mine now' }],
    ['POST', `${POSTS}/bulk`, { posts: [{ connection_id: connectionId, text: 'Mine now' }] }],
  ] as const) {
    const answer = await social.call(method, path, { as, body: sent });
    t.match(answer, { status: 404, body: { code: 'not_found' } }, `${method} ${path}`);
  }
  t.strictSame((await social.call('GET', POSTS, { as })).body.data, []);
  t.match(await write(social, SOME_ID), { status: 404 });
});

t.test('given invalid times and actions, each is refused', async (t) => {
  const social = await createTestSocial(t);
  const connectionId = await connect(social);
  t.match(await schedule(social, connectionId, -MINUTE_MS), {
    status: 422,
    body: { code: 'semantic_error', param: 'scheduled_at' },
  });
  for (const body of [
    { action: 'schedule' },
    { action: 'publish', scheduled_at: inMs(social, MINUTE_MS) },
    { scheduled_at: inMs(social, MINUTE_MS) },
    { action: 'shout' },
    { text: '' },
    { text: 'x'.repeat(10_001) },
    { text: 'null\u0000byte' },
    { text: 'half a pair \ud83d' },
    { state: 'published' },
  ]) {
    t.match(await write(social, connectionId, body), { status: 400, body: { code: 'invalid_request' } });
  }
  t.equal((await social.call('GET', POSTS)).body.data.length, 0);
});

t.test(
  'given a catalogue that sells drafts, then they count until they are published or deleted',
  async (t) => {
    const limit = { meter: 'social.drafts', window: 'total', amount: 2 };
    const social = await createTestSocial(t, { plan: 'pro', instances: 2, limit });
    const connectionId = await connect(social);
    const drafts = () => social.counter('social.drafts');

    const answers = await Promise.all(Array.from({ length: 10 }, () => write(social, connectionId)));
    t.equal(answers.filter(({ status }) => status === 201).length, 2);
    t.match(await write(social, connectionId), {
      status: 429,
      body: { code: 'limit_exceeded', limit: { meter: 'social.drafts', used: '2', text: '2 draft posts' } },
    });
    t.equal((await write(social, connectionId, { action: 'publish' })).status, 201, 'posts are not drafts');
    const { body } = await social.call('GET', `${POSTS}?state=draft`);
    const [first, second] = body.data;
    const publish = () => social.call('POST', `${POSTS}/${first.id}/publish`, { body: {} });
    t.strictSame((await Promise.all([publish(), publish()])).map(({ status }) => status).sort(), [200, 409]);
    t.match(await drafts(), { used: 1n, held: 0n });
    t.equal((await social.call('DELETE', `${POSTS}/${second.id}`)).status, 204);
    t.match(await drafts(), { used: 0n, held: 0n });
    const bulk = (count: number) =>
      social.call('POST', `${POSTS}/bulk`, {
        body: {
          posts: [
            ...Array.from({ length: count }, () => ({ connection_id: connectionId, text: 'x' })),
            { connection_id: connectionId, text: 'y', action: 'publish' },
          ],
        },
      });
    t.equal((await bulk(3)).status, 429);
    t.match(await social.counter('social.posts', 'day'), { used: 2n, held: 0n }, 'nothing of it is held');
    t.equal((await bulk(2)).status, 201);
    t.match(await drafts(), { used: 2n, held: 0n });
    t.match(await social.counter('social.posts', 'day'), { used: 3n, held: 0n });
    t.strictSame(await findBreaches(social.pool), []);
  },
);
