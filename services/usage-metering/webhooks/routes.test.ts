import t from 'tap';
import { ACCOUNT, type CallerName, createTestService } from '../fixtures.ts';
import { MAX_ENDPOINTS } from './domain/endpoints.ts';

const PATH = '/api/webhook-endpoints';
const URL_ = 'https://hooks.example.com/inkmeter?key=1';
type Endpoint = { id: string; secret?: string; status: string; previous_secret_expires_at: string | null };

t.test('given an account', async (t) => {
  const { call, pool, runtime } = await createTestService(t);
  const create = (body: object = {}, as: CallerName = 'owner') =>
    call<Endpoint>('POST', PATH, { as, body: { url: URL_, ...body } });

  await t.test('when an owner creates an endpoint, then its secret is shown once', async (t) => {
    const created = await create({ event_types: ['usage.threshold'], description: 'Billing' });
    t.equal(created.status, 201);
    const { secret, ...shown } = created.body;
    t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    t.match(shown, {
      account_id: ACCOUNT,
      url: URL_,
      description: 'Billing',
      event_types: ['usage.threshold'],
      status: 'enabled',
      disabled_reason: null,
    });
    t.strictSame((await call('GET', `${PATH}/${shown.id}`, { as: 'owner' })).body, shown);
    t.strictSame((await call('GET', PATH, { as: 'key' })).body, { data: [shown], next_cursor: null });
    const { rows } = await pool.query(`SELECT action, account_id, before, after FROM audit_log`);
    t.match(rows, [{ action: 'webhook_endpoint.created', account_id: ACCOUNT, before: null }]);
    t.notMatch(JSON.stringify(rows), 'whsec_');
  });

  await t.test('then members and other accounts have no access, and callers need a credential', async (t) => {
    const { id } = (await create()).body;
    const paths = [
      ['GET', PATH],
      ['POST', PATH, { url: URL_ }],
      ['GET', `${PATH}/${id}`],
      ['PATCH', `${PATH}/${id}`, { status: 'disabled' }],
      ['DELETE', `${PATH}/${id}`],
      ['POST', `${PATH}/${id}/rotate-secret`, {}],
      ['POST', `${PATH}/${id}/test`],
      ['POST', `${PATH}/${id}/replay`, { since: '2026-11-20T00:00:00Z' }],
      ['GET', `${PATH}/${id}/deliveries`],
      ['GET', `${PATH}/${id}/deliveries/${id}`],
      ['POST', `${PATH}/${id}/deliveries/${id}/replay`],
    ] as const;
    for (const [method, path, body] of paths) {
      const request = body === undefined ? {} : { body };
      t.equal((await call(method, path, request)).status, 401, `${method} ${path}`);
      const member = await call(method, path, { as: 'member', ...request });
      t.match(member, { status: 403, body: { code: 'role_required' } }, `${method} ${path}`);
      if (path === PATH) continue;
      t.equal((await call(method, path, { as: 'otherOwner', ...request })).status, 404, `${method} ${path}`);
    }
    t.match((await call('GET', PATH, { as: 'otherOwner' })).body, { data: [] });
    t.equal((await call('GET', `${PATH}/${id}`, { as: 'owner' })).status, 200);
  });

  await t.test('then addresses that are not public are refused in every notation', async (t) => {
    for (const url of [
      'http://hooks.example.com/',
      'https://user:pw@hooks.example.com/',
      'https://localhost/',
      'https://api.localhost./',
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://0x7f000001/',
      'https://0177.0.0.1/',
      'https://127.1/',
      'https://169.254.169.254/latest/meta-data',
      'https://10.0.0.8/',
      'https://[::1]/',
      'https://[::ffff:10.0.0.8]/',
      'https://[fd00::1]/',
    ]) {
      t.match(await create({ url }), { status: 422, body: { code: 'semantic_error', param: 'url' } }, url);
    }
    const { id } = (await create()).body;
    const changed = await call('PATCH', `${PATH}/${id}`, {
      as: 'owner',
      body: { url: 'https://127.0.0.1/' },
    });
    t.equal(changed.status, 422);
  });

  await t.test('then malformed requests are refused', async (t) => {
    const { id } = (await create()).body;
    for (const body of [{ url: 'x' }, { event_types: ['mail.requested'] }, { secret: 'mine' }]) {
      t.equal((await create(body)).status, 400);
    }
    t.equal((await call('PATCH', `${PATH}/${id}`, { as: 'owner', body: {} })).status, 400);
    t.equal((await call('POST', `${PATH}/${id}/replay`, { as: 'owner', body: {} })).status, 400);
    const overlap = { overlap_seconds: 604_801 };
    t.equal((await call('POST', `${PATH}/${id}/rotate-secret`, { as: 'owner', body: overlap })).status, 400);
    t.equal((await create({ description: 'x'.repeat(2_000_000) })).status, 413);
    t.equal((await call('GET', `${PATH}/${id}/deliveries?status=lost`, { as: 'owner' })).status, 400);
  });

  await t.test('when the secret is rotated, then the previous one has an end', async (t) => {
    const { id, secret } = (await create()).body;
    const rotate = (overlap: number) =>
      call<Endpoint>('POST', `${PATH}/${id}/rotate-secret`, {
        as: 'owner',
        body: { overlap_seconds: overlap },
      });
    const rotated = (await rotate(60)).body;
    t.not(rotated.secret, secret);
    t.equal(
      rotated.previous_secret_expires_at,
      new Date(runtime.clock.now().getTime() + 60_000).toISOString(),
    );
    t.equal((await rotate(0)).body.previous_secret_expires_at, null);
  });

  await t.test('when it is disabled, enabled and deleted, then that is audited', async (t) => {
    const { id } = (await create()).body;
    const change = (status: string) => call('PATCH', `${PATH}/${id}`, { as: 'owner', body: { status } });
    t.match((await change('disabled')).body, { status: 'disabled', disabled_reason: 'request' });
    t.equal((await call('POST', `${PATH}/${id}/test`, { as: 'owner' })).status, 409);
    t.match((await change('enabled')).body, { status: 'enabled', disabled_reason: null });
    t.equal((await call('POST', `${PATH}/${id}/test`, { as: 'owner' })).status, 202);
    t.equal((await call('DELETE', `${PATH}/${id}`, { as: 'owner' })).status, 204);
    t.equal((await call('DELETE', `${PATH}/${id}`, { as: 'owner' })).status, 404);
    const left = await pool.query('SELECT FROM outbox_deliveries WHERE target = $1', [id]);
    t.equal(left.rowCount, 0);
    const { rows } = await pool.query(`SELECT action FROM audit_log WHERE subject = $1 ORDER BY id`, [
      `webhook_endpoint:${id}`,
    ]);
    t.strictSame(
      rows.map(({ action }) => action.replace('webhook_endpoint.', '')),
      ['created', 'changed', 'changed', 'deleted'],
    );
  });

  await t.test('when many are created at once, then the account has no more than it may', async (t) => {
    await pool.query('DELETE FROM webhook_endpoints');
    const answers = await Promise.all(Array.from({ length: MAX_ENDPOINTS + 5 }, () => create()));
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    t.strictSame([count(201), count(409)], [MAX_ENDPOINTS, 5]);
    t.equal((await create({}, 'otherOwner')).status, 201);
  });
});
