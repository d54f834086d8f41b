import t from 'tap';
import { generateApiKey } from '#libs/auth/api-key.ts';
import { createDatabase } from '#libs/db/database.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestGateway } from '../fixtures.ts';
import { DEMO_EMAIL, ensureDemoAccount, ensureStaffUser } from './demo-account.ts';

t.test('given an empty database, however many start, there is one demo account', async (t) => {
  const gateway = await createTestGateway(t);
  const { pool } = gateway.database;
  const db = createDatabase(pool);
  const apiKey = generateApiKey().text;
  const accounts = await Promise.all(
    Array.from({ length: 4 }, () =>
      ensureDemoAccount(db, systemRuntime, { apiKey, password: 'demo password' }),
    ),
  );
  t.equal(new Set(accounts.map(({ accountId }) => accountId)).size, 1);
  t.match(await gateway.call('GET', '/api/me', { as: apiKey }), {
    status: 200,
    body: { account: { id: accounts[0]?.accountId, name: 'Demo account' }, scopes: ['*'] },
  });
  const login = await gateway.call('POST', '/api/auth/login', {
    body: { email: DEMO_EMAIL, password: 'demo password' },
  });
  t.equal(login.status, 200);
  t.match(await gateway.call('GET', '/api/me', { as: login.body.access_token }), {
    body: { role: 'owner', user: { platform_role: 'none' } },
  });

  await t.test('given another key, both open it; a revoked one stays revoked', async (t) => {
    const another = generateApiKey().text;
    await ensureDemoAccount(db, systemRuntime, { apiKey: another });
    t.equal((await gateway.call('GET', '/api/me', { as: another })).status, 200);
    await pool.query('update api_keys set revoked_at = now() where display_prefix = $1', [
      apiKey.slice(0, 14),
    ]);
    await ensureDemoAccount(db, systemRuntime, { apiKey });
    const other = await createTestGateway(t, { sharedWith: gateway });
    t.match(await other.call('GET', '/api/me', { as: apiKey }), { body: { code: 'api_key_revoked' } });
  });
  await t.rejects(ensureDemoAccount(db, systemRuntime, { apiKey: 'nonsense' }), TypeError);
});

t.test('given a staff user, they have the platform role, and keep their password', async (t) => {
  const gateway = await createTestGateway(t);
  const db = createDatabase(gateway.database.pool);
  const staff = { email: 'ops@example.com', password: 'staff password' };
  const first = await ensureStaffUser(db, systemRuntime, { ...staff, platformRole: 'support' });
  const again = { email: 'OPS@example.com', password: 'another password', platformRole: 'admin' } as const;
  t.strictSame(await ensureStaffUser(db, systemRuntime, again), first);
  const login = await gateway.call('POST', '/api/auth/login', { body: staff });
  t.match(await gateway.call('GET', '/api/me', { as: login.body.access_token }), {
    body: { user: { platform_role: 'admin' } },
  });
});
