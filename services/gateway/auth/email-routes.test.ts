/** Verification of addresses and password reset, with the mails that a simulated mailbox receives. */
import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { outboxDeliveries } from '#libs/db/schema/outbox.ts';
import { createMailTransport } from '#libs/mail/transport.ts';
import { emit } from '#libs/outbox/emit.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { createTestGateway, TEST_PASSWORD } from '../fixtures.ts';

type StoredMail = { id: string; to: string; subject: string; text: string };

/** A gateway that requires verified addresses. `mails` delivers what is pending and returns all mails, oldest first. */
async function createVerifyingGateway(t: TestScope, variables: Record<string, string> = {}) {
  const simulator = await startProviderSimulator();
  // A test may have closed it.
  t.teardown(() => simulator.close().catch(() => undefined));
  const url = `${simulator.url}/mailbox`;
  const gateway = await createTestGateway(t, {
    variables: {
      EMAIL_VERIFICATION: 'required',
      SMTP_URL: url,
      APP_URL: 'https://app.example',
      ...variables,
    },
    sendMail: createMailTransport({ url, from: 'Inkmeter <no-reply@mail.example>' }),
  });
  const mails = async (): Promise<StoredMail[]> => {
    const { rows } = await gateway.database.pool.query(
      `SELECT id FROM outbox_deliveries WHERE channel = 'email' AND status <> 'delivered' ORDER BY id`,
    );
    for (const { id } of rows) await gateway.runTask('deliver-mail', { deliveryId: id, accountId: null });
    const response = await fetch(`${simulator.url}/mailbox.json`);
    const { data } = (await response.json()) as { data: StoredMail[] };
    return data.reverse();
  };
  const post = (path: string, body: object) => gateway.call('POST', `/api/auth/${path}`, { body });
  const login = (email: string, password: string) => post('login', { email, password });
  return { gateway, simulator, mails, post, login };
}

const tokenOf = (mail: StoredMail | undefined) => /\?token=(\S+)/.exec(mail?.text ?? '')?.[1] ?? '';
const ada = { email: 'ada@example.com', password: TEST_PASSWORD };

t.test('given a sign-up, then nothing works before the address is verified', async (t) => {
  const { gateway, mails, post, login } = await createVerifyingGateway(t);
  const answer = await post('register', ada);
  t.match(answer, { status: 202, body: { status: 'verification_required' } });
  t.strictSame(Object.keys(answer.body), ['status'], 'no tokens, so no trial and no call');
  t.match(await login(ada.email, ada.password), { status: 403, body: { code: 'email_not_verified' } });
  t.match(await login(ada.email, 'wrong'), { status: 401, body: { code: 'invalid_credentials' } });

  const [mail] = await mails();
  t.match(mail, { to: ada.email, subject: 'Confirm your email address' });
  t.match(mail?.text, `https://app.example/verify-email?token=${tokenOf(mail)}`);
  t.match(tokenOf(mail), /^ivt_[\w-]{43}$/);
  const { rows } = await gateway.database.pool.query('SELECT * FROM email_tokens');
  t.equal(rows.length, 1);
  t.notMatch(JSON.stringify(rows), tokenOf(mail).slice(4), 'stored hashed');
  t.notMatch(gateway.log(), tokenOf(mail).slice(4));

  t.equal((await post('verify-email', { token: tokenOf(mail) })).status, 204);
  t.equal((await login(ada.email, ada.password)).status, 200);
  t.match(await post('verify-email', { token: tokenOf(mail) }), {
    status: 404,
    body: { code: 'email_token_invalid' },
  });
});

t.test('given an address with a user, then signing up answers the same and a mail says so', async (t) => {
  const { mails, post, login } = await createVerifyingGateway(t);
  const first = await post('register', ada);
  await post('verify-email', { token: tokenOf((await mails())[0]) });
  const again = await post('register', { ...ada, email: 'ADA@example.com', password: 'some other phrase' });
  const withSameHeaders = ({ status, body, headers }: typeof first) => ({
    status,
    body,
    names: Object.keys(headers).sort(),
  });
  t.strictSame(withSameHeaders(again), withSameHeaders(first));
  const [, mail, ...more] = await mails();
  t.match(mail, { to: ada.email, subject: 'You already have an account' });
  t.strictSame(more, []);
  t.equal(tokenOf(mail), '');
  t.equal((await login(ada.email, 'some other phrase')).status, 401, 'nothing has changed');
  t.equal((await login(ada.email, ada.password)).status, 200);
});

t.test('given a lost mail, then it is sent again, and one use ends all links', async (t) => {
  const { mails, post } = await createVerifyingGateway(t);
  await post('register', ada);
  for (const email of [ada.email, 'unknown@example.com']) {
    t.match(await post('verify-email/resend', { email }), {
      status: 202,
      body: { status: 'mail_requested' },
    });
  }
  const sent = await mails();
  t.strictSame(
    sent.map(({ to }) => to),
    [ada.email, ada.email],
    'nothing to an unknown address',
  );
  t.not(tokenOf(sent[0]), tokenOf(sent[1]));
  const uses = await Promise.all(
    [0, 1, 0, 1].map((index) => post('verify-email', { token: tokenOf(sent[index]) })),
  );
  t.strictSame(uses.map(({ status }) => status).sort(), [204, 404, 404, 404]);
  await post('verify-email/resend', { email: ada.email });
  t.equal((await mails()).length, 2, 'nothing to a verified address');
});

t.test('given a forgotten password, then a mail sets a new one and ends all sessions', async (t) => {
  const { gateway, mails, post, login } = await createVerifyingGateway(t);
  await post('register', ada);
  await post('verify-email', { token: tokenOf((await mails())[0]) });
  const session = (await login(ada.email, ada.password)).body;
  for (const email of [ada.email, 'unknown@example.com']) {
    t.match(await post('password-reset', { email }), { status: 202, body: { status: 'mail_requested' } });
  }
  const [, mail, ...more] = await mails();
  t.match(mail, { to: ada.email, subject: 'Choose a new password' });
  t.strictSame(more, []);
  const token = tokenOf(mail);
  t.match(token, /^ipr_/);
  t.equal((await post('verify-email', { token })).status, 404, 'for nothing else');
  t.match(await post('password-reset/confirm', { token, password: 'Password123' }), {
    status: 422,
    body: { code: 'semantic_error', param: 'password' },
  });
  const heard = gateway.nextChange();
  const password = 'four unrelated plain words';
  t.equal((await post('password-reset/confirm', { token, password })).status, 204);
  await heard;
  t.equal((await gateway.call('GET', '/api/me', { as: session.access_token })).status, 401);
  t.equal((await post('refresh', { refresh_token: session.refresh_token })).status, 401);
  t.equal((await login(ada.email, ada.password)).status, 401);
  t.equal((await login(ada.email, password)).status, 200);
  t.equal((await post('password-reset/confirm', { token, password: 'another phrase' })).status, 404);
});

t.test('given a reset before the first sign-in, then the mail has verified the address', async (t) => {
  const { mails, post, login } = await createVerifyingGateway(t);
  await post('register', { ...ada, password: 'chosen by an intruder' });
  await post('password-reset', { email: ada.email });
  const reset = (await mails()).find(({ subject }) => subject === 'Choose a new password');
  t.equal(
    (await post('password-reset/confirm', { token: tokenOf(reset), password: ada.password })).status,
    204,
  );
  t.equal((await login(ada.email, ada.password)).status, 200);
  t.equal((await login(ada.email, 'chosen by an intruder')).status, 401);
});

t.test('given links that are too old, then they do not work and are deleted', async (t) => {
  const { gateway, mails, post } = await createVerifyingGateway(t);
  await post('register', ada);
  await post('password-reset', { email: ada.email });
  const [verification, reset] = await mails();
  gateway.clock.advance(60 * 60 * 1000);
  const password = 'four unrelated plain words';
  t.equal((await post('password-reset/confirm', { token: tokenOf(reset), password })).status, 404);
  gateway.clock.advance(23 * 60 * 60 * 1000);
  t.equal((await post('verify-email', { token: tokenOf(verification) })).status, 404);
  gateway.clock.advance(1);
  await gateway.runTask('delete-expired-email-tokens');
  t.equal((await gateway.database.pool.query('SELECT FROM email_tokens')).rowCount, 0);
});

t.test('given a mail server that fails, then the delivery is repeated under the same id', async (t) => {
  const { gateway, simulator, mails, post } = await createVerifyingGateway(t);
  await post('register', ada);
  await simulator.close();
  await t.rejects(mails(), 'the job fails and is repeated');
  const { rows } = await gateway.database.pool.query(
    `SELECT status, attempts, last_error FROM outbox_deliveries WHERE channel = 'email'`,
  );
  t.match(rows, [{ status: 'pending', attempts: 1, last_error: String }]);
  t.notMatch(rows[0].last_error, /ada@/);
});

t.test('given requests for mails in numbers, then one mailbox gets five a day', async (t) => {
  const { gateway } = await createVerifyingGateway(t, {
    RATE_LIMIT_SIGN_UPS: '100',
    TRUST_PROXY: '127.0.0.1',
  });
  const request = (email: string, index: number) =>
    gateway.call('POST', '/api/auth/password-reset', {
      body: { email },
      headers: { 'x-forwarded-for': `10.0.${index}.1` },
    });
  for (let index = 0; index < 5; index += 1) {
    t.equal((await request(`a.da+${index}@gmail.com`, index)).status, 202);
  }
  t.match(await request('ada@googlemail.com', 9), { status: 429, body: { policy: 'mails' } });
  t.equal((await request('bob@gmail.com', 9)).status, 202);
});

t.test('given bad input, then each route refuses it', async (t) => {
  const { post } = await createVerifyingGateway(t);
  for (const [path, body] of [
    ['verify-email', {}],
    ['verify-email', { token: 'x', more: 1 }],
    ['verify-email', { token: 'x'.repeat(201) }],
    ['verify-email/resend', { email: 'no address' }],
    ['password-reset', { email: 5 }],
    ['password-reset/confirm', { token: 'x' }],
    ['password-reset/confirm', { token: 'x', password: 'short' }],
    ['register', { email: 'a@b.c, d@e.f', password: TEST_PASSWORD }],
  ] as const) {
    t.match(await post(path, body), { status: 400, body: { code: 'invalid_request' } }, path);
  }
  for (const path of ['verify-email', 'verify-email/resend', 'password-reset', 'password-reset/confirm']) {
    t.match(await post(path, { token: 'x'.repeat(8_192) }), { status: 413 }, path);
  }
  t.match(await post('register', { email: 'ada@example.com', password: 'iloveyou' }), {
    status: 422,
    body: { code: 'semantic_error', param: 'password' },
  });
});

t.test('given a member who is added, then their address is verified before they sign in', async (t) => {
  const { gateway, mails, post, login } = await createVerifyingGateway(t);
  await post('register', ada);
  await post('verify-email', { token: tokenOf((await mails())[0]) });
  const owner = (await login(ada.email, ada.password)).body.access_token;
  const grace = { email: 'grace@example.com', password: 'a first password' };
  t.equal((await gateway.call('POST', '/api/members', { as: owner, body: grace })).status, 201);
  t.match(await login(grace.email, grace.password), { status: 403, body: { code: 'email_not_verified' } });
  const mail = (await mails()).at(-1);
  t.equal(mail?.to, grace.email);
  t.equal((await post('verify-email', { token: tokenOf(mail) })).status, 204);
  t.equal((await login(grace.email, grace.password)).status, 200);
});

t.test(
  'given alerts about open invoices, then their mails lead to the invoice, and nowhere else',
  async (t) => {
    const { gateway, mails, post } = await createVerifyingGateway(t);
    await post('register', ada);
    await mails();
    const { pool } = gateway.database;
    const { rows } = await pool.query('SELECT user_id, account_id FROM memberships');
    const { user_id: target, account_id: accountId } = rows[0];
    const { newId } = systemRuntime;
    for (const url of ['https://pay.example/in_1', 'javascript:alert(1)']) {
      const payload = { invoice: 'in_1', amount_minor: 7900, currency: 'USD', url };
      const event = {
        id: newId(),
        type: 'payment.failed',
        accountId,
        payload,
        createdAt: new Date(),
      } as const;
      await transaction(createDatabase(pool), async (tx) => {
        await emit(tx, event, newId);
        await tx
          .insert(outboxDeliveries)
          .values({ id: newId(), eventId: event.id, channel: 'email', target });
      });
    }
    const [, open, odd] = await mails();
    t.match(open, { to: ada.email, subject: 'Payment failed' });
    t.match(open?.text, '79.00 USD was declined');
    t.match(open?.text, 'https://pay.example/in_1');
    t.match(odd, { subject: 'Payment failed' });
    t.notMatch(odd?.text, 'javascript');
  },
);
