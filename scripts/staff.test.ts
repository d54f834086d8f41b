import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createOwner } from '#services/gateway/accounts/store.ts';
import { parseCommand, runCommand } from './staff.ts';

t.test('a command line is parsed, or answered with what is wrong', async (t) => {
  t.strictSame(parseCommand(['grant', 'a@example.com', 'admin']), {
    name: 'grant',
    email: 'a@example.com',
    role: 'admin',
  });
  t.strictSame(parseCommand(['revoke', 'a@example.com']), { name: 'revoke', email: 'a@example.com' });
  t.strictSame(parseCommand(['list']), { name: 'list' });
  t.equal(parseCommand(['grant', 'a@example.com', 'king']), 'Unknown role: king. Use admin or support.');
  for (const args of [[], ['grant'], ['grant', 'a@example.com'], ['list', 'x'], ['remove', 'x']]) {
    t.match(parseCommand(args), /^Usage:/);
  }
});

t.test('roles are granted, listed and revoked', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const user = { email: 'ops@example.com', name: 'Ops', passwordHash: null };
  await createOwner(database, systemRuntime, { ...user, accountName: 'Ops' });
  const run = (...args: string[]) => {
    const command = parseCommand(args);
    if (typeof command === 'string') throw new Error(command);
    return runCommand(command, database, { actor: 'cli:test', requestId: null });
  };
  t.strictSame(await run('list'), { exitCode: 0, lines: ['No user has a platform role.'] });
  t.strictSame(await run('grant', 'OPS@example.com', 'support'), {
    exitCode: 0,
    lines: ['ops@example.com: none -> support'],
  });
  t.strictSame(await run('grant', 'ops@example.com', 'support'), {
    exitCode: 0,
    lines: ['ops@example.com already has the role support.'],
  });
  t.strictSame(await run('list'), { exitCode: 0, lines: ['support  ops@example.com (Ops)'] });
  t.strictSame(await run('revoke', 'ops@example.com'), {
    exitCode: 0,
    lines: ['ops@example.com: support -> none'],
  });
  t.match(await run('grant', 'unknown@example.com', 'admin'), { exitCode: 1, lines: [/^No user has the/] });
});
