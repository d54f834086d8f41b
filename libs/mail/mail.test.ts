import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import t from 'tap';
import { renderAlertMail } from './alert-mail.ts';
import { renderMail } from './templates.ts';
import { createMailTransport } from './transport.ts';

const from = 'Inkmeter <no-reply@mail.example>';

t.test('given a mail server, then a mail arrives as text and HTML under a stable id', async (t) => {
  const received: { to: string[]; message: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      text(stream).then((message) => {
        received.push({ to: session.envelope.rcptTo.map(({ address }) => address), message });
        done();
      }, done);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  const send = createMailTransport({ url: `smtp://127.0.0.1:${port}`, from });

  const mail = renderMail('verify_email', { appUrl: 'https://app.example', token: 'ivt_abc', brand: null });
  for (let attempt = 0; attempt < 2; attempt += 1) await send({ ...mail, id: 'd1', to: 'ada@example.com' });
  t.equal(received.length, 2);
  for (const { to, message } of received) {
    t.strictSame(to, ['ada@example.com']);
    t.match(message, /^Message-ID: <d1@mail\.example>\r$/m);
    t.match(message, /^Subject: Confirm your email address\r$/m);
    t.match(message, /Content-Type: text\/plain/);
    t.match(message, /Content-Type: text\/html/);
  }

  await send({ ...mail, id: 'd2', to: 'a@example.com, b@example.com' }).catch(() => undefined);
  t.notOk(
    received.some(({ to }) => to.length > 1),
    'an address is never a list',
  );
});

t.test('given no mail server, then sending fails, to be repeated', async (t) => {
  const send = createMailTransport({ url: 'smtp://127.0.0.1:1', from });
  const mail = renderMail('account_exists', { appUrl: 'https://app.example', token: null, brand: null });
  await t.rejects(send({ ...mail, id: 'd1', to: 'ada@example.com' }), { code: 'ESOCKET' });
});

t.test('given a template, then its link leads to the frontend', async (t) => {
  const reset = renderMail('password_reset', {
    appUrl: 'https://app.example',
    token: 'ipr_a"<b>',
    brand: null,
  });
  t.match(reset.text, 'https://app.example/reset-password?token=ipr_a"<b>');
  t.match(reset.html, 'href="https://app.example/reset-password?token=ipr_a&#34;&#60;b&#62;">');
  t.notMatch(reset.html, '<b>');
  const exists = renderMail('account_exists', { appUrl: 'https://app.example', token: null, brand: null });
  t.notMatch(exists.text, 'token');
});

t.test('given an alert, then its mail has the message, the advice and the plans, escaped', async (t) => {
  const mail = renderAlertMail({
    severity: 'warning',
    title: 'API Usage Warning - <b>',
    message: 'You have used 900 of 1,000 Gemini API calls',
    recommendation: 'Once the limit is reached, new requests are refused.',
    usedPercentage: 90,
    plans: [
      {
        ...{ key: 'pro', name: 'Pro', rank: 2 },
        price: { currency: 'USD', monthly_minor: 7900, yearly_minor: null },
      },
      {
        ...{ key: 'enterprise', name: 'Enterprise', rank: 3 },
        price: { currency: 'USD', monthly_minor: null, yearly_minor: null },
      },
    ],
    paymentUrl: 'https://pay.example/?a="1"',
    appUrl: 'https://app.example',
    brand: null,
  });
  t.equal(mail.subject, 'API Usage Warning - <b>');
  t.match(mail.text, 'You have used 900 of 1,000 Gemini API calls.');
  t.match(mail.text, '- Pro: 79.00 USD a month\n- Enterprise: contact sales');
  t.match(mail.html, 'API Usage Warning - &#60;b&#62;');
  t.match(mail.html, 'href="https://pay.example/?a=&#34;1&#34;">Pay the invoice</a>');
  t.match(mail.html, 'aria-label="90 % used"');
  t.match(mail.html, 'prefers-color-scheme:dark');
  t.notMatch(mail.html, '<b>');
});

/** One transparent pixel. */
const LOGO =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const brand = {
  productName: 'Acme "Writer" <b>',
  logoUrl: 'https://acme.example/logo.png?a=1&b="2"',
  primaryColour: '#0b6b4f',
  supportEmail: 'help@acme.example',
  websiteUrl: 'https://acme.example',
};

t.test('given a brand, then a mail shows it, escaped', async (t) => {
  const mail = renderMail('invitation', { appUrl: 'https://app.example', token: 'inv_a', brand });
  t.match(mail.html, 'src="https://acme.example/logo.png?a=1&#38;b=&#34;2&#34;"');
  t.match(mail.html, 'alt="Acme &#34;Writer&#34; &#60;b&#62;"');
  t.match(mail.html, 'background:#0b6b4f;color:#ffffff');
  t.match(mail.html, 'href="mailto:help@acme.example"');
  t.notMatch(mail.html, '<b>');
  t.match(mail.text, 'Acme "Writer" <b>\nhttps://acme.example\nhelp@acme.example\n');
  const plain = renderMail('invitation', { appUrl: 'https://app.example', token: 'inv_a', brand: null });
  t.notMatch(plain.html, /<img|Acme/);
});

t.test('given a brand, then it is the sender, and an uploaded logo is part of the mail', async (t) => {
  const received: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      text(stream).then((message) => {
        received.push(message);
        done();
      }, done);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  const send = createMailTransport({ url: `smtp://127.0.0.1:${port}`, from });
  const own = { ...brand, productName: 'Acme, Writer', logoUrl: LOGO };
  const mail = renderMail('verify_email', { appUrl: 'https://app.example', token: 'ivt_abc', brand: own });
  await send({ ...mail, id: 'd1', to: 'ada@example.com' });
  const [message = ''] = received;
  t.match(message, /^From: "Acme, Writer" <no-reply@mail\.example>\r$/m);
  t.match(message, /^Reply-To: help@acme\.example\r$/m);
  t.match(message, /^Content-Id: <brand-logo>\r$/im);
  t.match(mail.html, 'src="cid:brand-logo"');
});
