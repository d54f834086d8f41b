/** Mails of invitations, with the link that accepts them, and the seats that members take. */
import t from 'tap';
import type { SendMail } from '#libs/mail/transport.ts';
import { createTestGateway, signUp, TEST_PASSWORD, type TestGateway } from '../fixtures.ts';

type Mail = Parameters<SendMail>[0];

async function createMailingGateway(t: Parameters<typeof createTestGateway>[0], variables = {}) {
  const sent: Mail[] = [];
  const gateway = await createTestGateway(t, {
    variables: { APP_URL: 'https://app.example', ...variables },
    limits: { 'team.members': 3n },
    sendMail: async (mail) => {
      sent.push(mail);
    },
  });
  const deliver = async () => {
    const { rows } = await gateway.database.pool.query(
      `SELECT id FROM outbox_deliveries WHERE channel = 'email' AND status <> 'delivered' ORDER BY id`,
    );
    for (const { id } of rows) await gateway.runTask('deliver-mail', { deliveryId: id, accountId: null });
    return sent;
  };
  return { gateway, sent, deliver };
}

const tokenOf = (mail: Mail | undefined) => /\?token=(\S+)/.exec(mail?.text ?? '')?.[1] ?? '';

const invite = (gateway: TestGateway, as: string, email: string) =>
  gateway.call('POST', '/api/invitations', { as, body: { email } });

t.test('given an invitation, then its mail has a link that accepts it and proves the address', async (t) => {
  const { gateway, deliver } = await createMailingGateway(t);
  const owner = await signUp(gateway, 'owner');
  const as = owner.access_token;
  const created = await invite(gateway, as, 'grace@example.com');
  t.equal(created.status, 201);
  const [mail] = await deliver();
  t.match(mail, { to: 'grace@example.com', subject: 'You are invited to an account' });
  t.match(mail?.text, 'owner@example.com invites you to join the account "Account of owner".');
  t.match(mail?.text, `https://app.example/invitations/accept?token=${tokenOf(mail)}`);
  t.not(tokenOf(mail), created.body.token);
  const { rows } = await gateway.database.pool.query('SELECT * FROM invitations');
  t.notMatch(JSON.stringify(rows), tokenOf(mail).slice(4), 'stored hashed');
  t.notMatch(gateway.log(), tokenOf(mail).slice(4));

  const accepted = await gateway.call('POST', '/api/invitations/accept', {
    body: { token: tokenOf(mail), password: TEST_PASSWORD, name: 'Grace' },
  });
  t.match(accepted, { status: 201, body: { account_id: owner.accountId } });
  const { rows: users } = await gateway.database.pool.query(
    `SELECT email_verified_at FROM users WHERE email = 'grace@example.com'`,
  );
  t.ok(users[0].email_verified_at);
  const again = await gateway.call('POST', '/api/invitations/accept', {
    body: { token: created.body.token, password: TEST_PASSWORD },
  });
  t.match(again, { status: 404, body: { code: 'invitation_invalid' } }, 'it works once, with either token');

  const members = await gateway.call('GET', '/api/members', { as });
  t.match(members.body, {
    seats: { used: 2, total: 3, available: 1 },
    data: [{ updated_at: /^20/ }, { updated_at: /^20/ }],
  });
  t.match((await gateway.call('GET', '/api/members?role=owner', { as })).body.data, [
    { user_id: owner.userId },
  ]);
  const listed = await gateway.call('GET', '/api/invitations?status=accepted', { as });
  t.equal(listed.body.data.length, 1);
  t.strictSame((await gateway.call('GET', '/api/invitations?status=pending', { as })).body.data, []);
});

t.test('given one that was revoked before its mail was sent, then no mail is sent', async (t) => {
  const { gateway, deliver } = await createMailingGateway(t);
  const { access_token: as } = await signUp(gateway, 'owner');
  const { body } = await invite(gateway, as, 'grace@example.com');
  await gateway.call('DELETE', `/api/invitations/${body.id}`, { as });
  t.strictSame(await deliver(), []);
});

t.test('given a name that could be read as a message, then the mail leaves it out', async (t) => {
  const { gateway, deliver } = await createMailingGateway(t);
  const { body } = await gateway.call('POST', '/api/auth/register', {
    body: { email: 'eve@example.com', password: TEST_PASSWORD, account_name: 'Win at http://evil.example' },
  });
  await invite(gateway, body.access_token, 'grace@example.com');
  const [mail] = await deliver();
  t.match(mail?.text, 'eve@example.com invites you to join the account.');
  t.notMatch(`${mail?.text}${mail?.html}`, 'evil.example');
});

t.test('given many invitations of one mailbox, then it gets five mails a day', async (t) => {
  const { gateway, deliver } = await createMailingGateway(t, { RATE_LIMIT_SIGN_UPS: '20' });
  const { access_token: as } = await signUp(gateway, 'owner');
  const statuses: number[] = [];
  for (let tag = 0; tag < 6; tag += 1) {
    statuses.push((await invite(gateway, as, `grace+${tag}@example.com`)).status);
  }
  t.strictSame(statuses, [201, 201, 201, 201, 201, 429]);
  t.equal((await deliver()).length, 5);
});
