import t from 'tap';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { addMember, createKey, createTestGateway, signUp, type TestGateway } from '../fixtures.ts';

const WORKSPACES = '/api/workspaces';
const SOME_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

const create = (gateway: TestGateway, as: string, name: string) =>
  gateway.call('POST', WORKSPACES, { as, body: { name } });

t.test(
  'given room for three, when many are created at once, then three are, and a delete makes room',
  async (t) => {
    const limits = { workspaces: 3n };
    const gateway = await createTestGateway(t, { limits });
    const other = await createTestGateway(t, { sharedWith: gateway, limits });
    const { access_token: as, userId } = await signUp(gateway, 'ada');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => create(n % 2 === 0 ? gateway : other, as, `Campaign ${n}`)),
    );
    t.equal(answers.filter(({ status }) => status === 201).length, 3);
    t.equal(answers.filter(({ status }) => status === 429).length, 37);
    t.match(await create(gateway, as, 'One more'), {
      status: 429,
      body: {
        code: 'limit_exceeded',
        limit: { meter: 'workspaces', used: '3', amount: { kind: 'limited', value: '3' } },
      },
    });

    const { body } = await gateway.call('GET', `${WORKSPACES}?limit=2`, { as });
    t.equal(body.data.length, 2);
    t.match(body.data[0], { name: /^Campaign/, created_by: userId });
    const next = await gateway.call('GET', `${WORKSPACES}?limit=2&cursor=${body.next_cursor}`, { as });
    t.match(next.body, { data: [{}], next_cursor: null });

    const [{ id }] = body.data;
    t.match((await gateway.call('GET', `${WORKSPACES}/${id}`, { as })).body, body.data[0]);
    t.equal((await gateway.call('DELETE', `${WORKSPACES}/${id}`, { as })).status, 204);
    t.equal((await gateway.call('DELETE', `${WORKSPACES}/${id}`, { as })).status, 404);
    t.equal((await create(gateway, as, 'One more')).status, 201);
    t.equal((await create(gateway, as, 'And another')).status, 429);
    t.strictSame(await findBreaches(gateway.database.pool), []);
  },
);

t.test('given a name that is taken, it is refused and costs nothing', async (t) => {
  const gateway = await createTestGateway(t, { limits: { workspaces: 2n } });
  const { access_token: as } = await signUp(gateway, 'ada');
  t.equal((await create(gateway, as, 'Spring')).status, 201);
  t.match(await create(gateway, as, ' SPRING '), { status: 409, body: { code: 'conflict', param: 'name' } });
  t.equal((await create(gateway, as, 'Summer')).status, 201);
});

t.test('given members and keys, owners and admins decide, and others look', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const admin = await addMember(gateway, owner, 'admin', 'admin');
  const member = await addMember(gateway, owner, 'member', 'member');
  const { key } = await createKey(gateway, owner.access_token, { scopes: ['*'] });
  const { status, body } = await create(gateway, admin.access_token, 'Spring');
  t.equal(status, 201);
  for (const as of [member.access_token, key]) {
    t.match(await create(gateway, as, 'Mine'), { status: 403, body: { code: 'role_required' } });
    t.match(await gateway.call('DELETE', `${WORKSPACES}/${body.id}`, { as }), { status: 403 });
    t.match((await gateway.call('GET', WORKSPACES, { as })).body, { data: [{ name: 'Spring' }] });
  }
  const eve = await signUp(gateway, 'eve');
  for (const method of ['GET', 'DELETE'] as const) {
    t.match(await gateway.call(method, `${WORKSPACES}/${body.id}`, { as: eve.access_token }), {
      status: 404,
      body: { code: 'not_found' },
    });
  }
  t.strictSame((await gateway.call('GET', WORKSPACES, { as: eve.access_token })).body.data, []);
});

t.test('given a request that names a workspace, it is made in it, if it is the account’s', async (t) => {
  const gateway = await createTestGateway(t, {
    addRoutes: (app) =>
      app.get('/where', { config: { auth: 'user', scope: 'any' } }, async ({ caller }) => ({
        workspace: caller.workspaceId,
      })),
  });
  const ada = await signUp(gateway, 'ada');
  const eve = await signUp(gateway, 'eve');
  const { key } = await createKey(gateway, ada.access_token);
  const { body } = await create(gateway, ada.access_token, 'Spring');
  const where = (as: string, workspace?: string) =>
    gateway.call('GET', '/where', {
      as,
      headers: workspace === undefined ? {} : { 'x-workspace-id': workspace },
    });

  t.match((await where(ada.access_token)).body, { workspace: null });
  t.match((await where(ada.access_token, body.id)).body, { workspace: body.id });
  t.match((await where(key, body.id)).body, { workspace: body.id });
  t.match((await where(ada.access_token)).body, { workspace: null }, 'one request says nothing of the next');
  const notFound = { status: 404, body: { code: 'not_found' } };
  t.match(await where(eve.access_token, body.id), notFound);
  t.match(await where(ada.access_token, SOME_ID), notFound);
  for (const broken of ['spring', '', `${body.id}, ${body.id}`]) {
    t.match(await where(ada.access_token, broken), { status: 400, body: { code: 'invalid_request' } });
  }
  t.match(await gateway.call('GET', '/where', { headers: { 'x-workspace-id': body.id } }), { status: 401 });

  const heard = gateway.nextChange();
  await gateway.call('DELETE', `${WORKSPACES}/${body.id}`, { as: ada.access_token });
  await heard;
  t.match(await where(ada.access_token, body.id), notFound, 'once deleted');
});
