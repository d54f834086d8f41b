import t from 'tap';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { ACCOUNT, type Answer, createTestSocial, OTHER_ACCOUNT, type TestSocial } from './social.fixture.ts';

const CONNECTIONS = '/api/social/connections';
const SECRET = 'oauth-token-that-must-stay-secret';

const connect = (
  social: TestSocial,
  handle: string,
  { platform = 'twitter', credentials = SECRET, as = {} } = {},
): Promise<Answer> => social.call('POST', CONNECTIONS, { body: { platform, handle, credentials }, as });

const statuses = (answers: readonly Answer[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

t.test(
  'given room for 25 and two processes, when 1 000 connect at once, then 25 are connected',
  async (t) => {
    const social = await createTestSocial(t, { plan: 'pro', instances: 2 });
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => connect(social, `account-${n}`)),
    );
    t.strictSame(statuses(answers), { 201: 25, 429: 975 });
    t.ok(answers.every(({ body }) => body.id || ['limit_exceeded', 'limit_held'].includes(body.code)));
    const { rows } = await social.pool.query('SELECT count(*)::int AS n FROM social_connections');
    t.equal(rows[0].n, 25);
    t.strictSame(await social.counter('social.connections'), { used: 25n, held: 0n });
    t.strictSame(await findBreaches(social.pool), []);

    const { body: page } = await social.call('GET', `${CONNECTIONS}?limit=20`);
    const { body: rest } = await social.call('GET', `${CONNECTIONS}?limit=20&cursor=${page.next_cursor}`);
    t.equal(new Set([...page.data, ...rest.data].map(({ id }) => id)).size, 25);
    t.equal(rest.next_cursor, null);

    await t.test('and when one is deleted by many at once, then one more has room', async (t) => {
      const [{ id }] = page.data;
      const deleted = await Promise.all(
        Array.from({ length: 20 }, () => social.call('DELETE', `${CONNECTIONS}/${id}`)),
      );
      t.strictSame(statuses(deleted), { 204: 1, 404: 19 });
      t.strictSame(await social.counter('social.connections'), { used: 24n, held: 0n });
      const again = await Promise.all(Array.from({ length: 20 }, (_, n) => connect(social, `again-${n}`)));
      t.strictSame(statuses(again), { 201: 1, 429: 19 });
      t.strictSame(await findBreaches(social.pool), []);
    });
  },
);

t.test('given a starter, refusals say why, the count before the platform before the duplicate', async (t) => {
  const social = await createTestSocial(t, { plan: 'starter' });
  t.match(await connect(social, '@Ink.Meter'), {
    status: 201,
    body: { platform: 'twitter', handle: 'Ink.Meter' },
  });
  t.match(await connect(social, 'ink.meter'), {
    status: 409,
    body: { code: 'conflict', reason: 'platform_already_connected' },
  });
  t.match(await connect(social, 'inkmeter', { platform: 'tiktok' }), {
    status: 403,
    body: {
      code: 'platform_not_in_plan',
      reason: 'platform_restricted',
      available_platforms: ['twitter', 'instagram', 'facebook', 'linkedin'],
    },
  });
  t.match(await connect(social, 'other', { credentials: 'invalid' }), {
    status: 422,
    body: { code: 'semantic_error', param: 'credentials' },
  });
  t.strictSame(await social.counter('social.connections'), { used: 1n, held: 0n }, 'refusals count nothing');

  for (const n of [2, 3, 4, 5])
    t.equal((await connect(social, `account-${n}`)).status, 201, 'one network, many accounts');
  for (const platform of ['twitter', 'tiktok']) {
    t.match(await connect(social, 'ink.meter', { platform }), {
      status: 429,
      body: {
        code: 'limit_exceeded',
        reason: 'connection_limit_exceeded',
        plan: 'starter',
        limit: {
          meter: 'social.connections',
          used: '5',
          amount: { kind: 'limited', value: '5' },
          resets_at: null,
        },
        suggested_plans: [
          { key: 'pro', amount: { kind: 'limited', value: '25' } },
          { key: 'enterprise', amount: { kind: 'limited', value: '100' } },
        ],
      },
    });
  }
});

t.test('given credentials, they are in no table, no answer and no line of the log', async (t) => {
  const social = await createTestSocial(t);
  const { body } = await connect(social, 'inkmeter');
  const { rows } = await social.pool.query('SELECT * FROM social_connections');
  t.match(rows[0].credential_reference, /^soc_/);
  const { body: shown } = await social.call('GET', `${CONNECTIONS}/${body.id}`);
  t.strictSame(shown, body);
  await connect(social, 'x'.repeat(101));
  for (const text of [JSON.stringify(rows), JSON.stringify([body, shown]), social.log()]) {
    t.notMatch(text, SECRET);
    t.notMatch(text, 'must-stay-secret');
  }
});

t.test('given more connections than a smaller plan has, they stay, and none is added', async (t) => {
  const social = await createTestSocial(t, { plan: 'pro' });
  const made = [];
  for (const n of [1, 2, 3, 4, 5, 6, 7]) made.push((await connect(social, `account-${n}`)).body.id);
  await social.setPlan('starter');
  t.equal((await social.call('GET', CONNECTIONS)).body.data.length, 7);
  t.match(await connect(social, 'one-more'), {
    status: 429,
    body: {
      code: 'limit_exceeded',
      plan: 'starter',
      limit: { used: '7', amount: { kind: 'limited', value: '5' } },
    },
  });
  for (const id of made.slice(0, 3))
    t.equal((await social.call('DELETE', `${CONNECTIONS}/${id}`)).status, 204);
  t.equal((await connect(social, 'one-more')).status, 201, 'once it is below the new limit');
  t.equal((await connect(social, 'and-another')).status, 429);
  t.strictSame(await findBreaches(social.pool), []);
});

t.test('given a plan that did not count them, what exists counts as soon as one does', async (t) => {
  const social = await createTestSocial(t, { plan: 'pro' });
  await social.ledger.setLimits({ accountId: ACCOUNT, anchor: new Date(), periodMonths: 1, segments: [] });
  const { body } = await connect(social, 'a');
  for (const handle of ['b', 'c', 'd', 'e']) await connect(social, handle);
  await social.setPlan('starter');
  t.strictSame(await social.counter('social.connections'), { used: 5n, held: 0n });
  t.equal((await connect(social, 'f')).status, 429);
  t.equal((await social.call('DELETE', `${CONNECTIONS}/${body.id}`)).status, 204);
  t.equal((await connect(social, 'f')).status, 201);
});

t.test('given an emergency stop, nothing is connected, and disconnecting still works', async (t) => {
  const social = await createTestSocial(t);
  const { body } = await connect(social, 'inkmeter');
  const { id } = await social.ledger.stop({
    id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d99',
    kind: 'account',
    target: ACCOUNT,
    reason: 'test',
    author: 'test',
  });
  t.match(await connect(social, 'other'), { status: 503, body: { code: 'emergency_stop' } });
  t.equal((await social.call('DELETE', `${CONNECTIONS}/${body.id}`)).status, 204);
  await social.ledger.liftStop({ id, author: 'test' });
  t.strictSame(await social.counter('social.connections'), { used: 0n, held: 0n });
  t.equal((await connect(social, 'inkmeter')).status, 201);
});

t.test('given a publisher that is away, nothing is made and nothing stays held', async (t) => {
  const social = await createTestSocial(t);
  await social.simulator.close();
  t.match(await connect(social, 'inkmeter'), { status: 503, body: { code: 'service_unavailable' } });
  t.strictSame(await social.counter('social.connections'), { used: 0n, held: 0n });
});

t.test('given another tenant, connections are out of sight and handles are free', async (t) => {
  const social = await createTestSocial(t);
  const { body } = await connect(social, 'inkmeter');
  const other = { accountId: OTHER_ACCOUNT };
  t.equal((await connect(social, 'inkmeter', { as: other })).status, 201);
  for (const method of ['GET', 'DELETE'] as const) {
    t.match(await social.call(method, `${CONNECTIONS}/${body.id}`, { as: other }), {
      status: 404,
      body: { code: 'not_found' },
    });
  }
  t.equal((await social.call('GET', CONNECTIONS, { as: other })).body.data.length, 1);
});
