import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { auditLog } from '#libs/db/schema/audit.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestGateway, signUp } from '../fixtures.ts';
import { listStaff, setPlatformRole } from './staff.ts';

const BY = { actor: 'cli:ops', requestId: null };

t.test('given a signed-in user, a grant and a revocation take effect at once and are audited', async (t) => {
  const gateway = await createTestGateway(t);
  const db = createDatabase(gateway.database.pool);
  const ada = await signUp(gateway, 'ada');
  const platformRole = async () =>
    (await gateway.call('GET', '/api/me', { as: ada.access_token })).body.user.platform_role;
  t.equal(await platformRole(), 'none');

  for (const [role, before] of [
    ['support', 'none'],
    ['admin', 'support'],
    ['none', 'admin'],
  ] as const) {
    const heard = gateway.nextChange();
    t.match(await setPlatformRole(db, systemRuntime, { email: 'ADA@example.com', role }, BY), {
      outcome: 'changed',
      email: ada.email,
      before,
      after: role,
    });
    await heard;
    t.equal(await platformRole(), role);
    t.strictSame(await listStaff(db), role === 'none' ? [] : [{ email: ada.email, name: 'ada', role }]);
  }
  const again = await setPlatformRole(db, systemRuntime, { email: ada.email, role: 'none' }, BY);
  t.strictSame(again, { outcome: 'unchanged', email: ada.email, role: 'none' });
  const unknown = await setPlatformRole(db, systemRuntime, { email: 'x@example.com', role: 'admin' }, BY);
  t.strictSame(unknown, { outcome: 'unknown_user' });

  const entries = await db.select().from(auditLog).orderBy(auditLog.id);
  t.match(
    entries.map(({ action, actor, subject }) => ({ action, actor, subject })),
    ['staff.granted', 'staff.granted', 'staff.revoked'].map((action) => ({
      action,
      actor: 'cli:ops',
      subject: `user:${ada.userId}`,
    })),
  );
});
