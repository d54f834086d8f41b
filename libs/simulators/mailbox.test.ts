import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import t from 'tap';
import { processEnv } from '#libs/config/env.ts';
import { renderMail } from '#libs/mail/templates.ts';
import { startProviderSimulator } from './provider-simulator.ts';

const executablePath = [processEnv().CHROMIUM ?? '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  existsSync,
);

t.test('given mails, then the page shows them, and no mail can add to the page', async (t) => {
  const simulator = await startProviderSimulator();
  t.teardown(() => simulator.close());
  const url = `${simulator.url}/mailbox`;
  t.match(await (await fetch(url)).text(), 'No mail yet');
  const post = (body: string) => fetch(url, { method: 'POST', body });
  const mail = {
    id: '1',
    from: 'a@b.example',
    to: 'ada@example.com',
    subject: '<script>',
    text: 'Hello & <b>',
  };
  t.equal((await post(JSON.stringify(mail))).status, 202);
  t.equal((await post(JSON.stringify({ ...mail, subject: 'Second' }))).status, 202);
  const page = await (await fetch(url)).text();
  t.match(page, 'Hello &#38; &#60;b&#62;');
  t.notMatch(page, '<script>');
  t.match(await (await fetch(`${url}.json`)).json(), { data: [{ id: '1', subject: 'Second' }] });
  t.notMatch(page, 'as HTML');
  await post(JSON.stringify({ ...mail, id: 'a/1', html: '<p>Hello</p>' }));
  t.match(await (await fetch(url)).text(), 'href="/mailbox/a%2F1"');
  const shown = await fetch(`${url}/a%2F1`);
  t.equal(await shown.text(), '<p>Hello</p>');
  t.match(shown.headers.get('content-security-policy'), /sandbox.*default-src 'none'/);
  t.equal((await post('{"id":1}')).status, 400);
  t.equal((await post('no json')).status, 400);
  t.equal((await fetch(`${url}/x`)).status, 404);
});

const skip = executablePath === undefined ? 'no browser is installed' : false;
t.test(
  'given a mail, then a browser shows it with its button, and runs nothing of it',
  { skip },
  async (t) => {
    const simulator = await startProviderSimulator();
    t.teardown(() => simulator.close());
    const browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox'],
    });
    t.teardown(() => browser.close());
    const mail = renderMail('verify_email', { appUrl: 'https://app.example', token: 'ivt_abc', brand: null });
    const html = mail.html.replace('</body>', '<script>document.title = "run"</script></body>');
    const sent = { ...mail, html, id: '1', from: 'a@b.example', to: 'ada@example.com' };
    await fetch(`${simulator.url}/mailbox`, { method: 'POST', body: JSON.stringify(sent) });
    const tab = await browser.newPage({ viewport: { width: 390, height: 700 } });
    const requested: string[] = [];
    tab.on('request', (request) => requested.push(request.url()));
    await tab.goto(`${simulator.url}/mailbox`);
    t.equal(await tab.getByRole('heading', { level: 2 }).textContent(), 'Confirm your email address');
    await tab.getByRole('link', { name: 'as HTML' }).click();
    const button = tab.getByRole('link', { name: 'Confirm address' });
    t.equal(await button.getAttribute('href'), 'https://app.example/verify-email?token=ivt_abc');
    const { x = 0, width = 0 } = (await button.boundingBox()) ?? {};
    t.ok(x > 0 && width > 100 && x + width < 390, 'it fits a telephone');
    t.not(await tab.title(), 'run');
    t.ok(
      requested.every((url) => url.startsWith(`${simulator.url}/`)),
      'nothing is loaded from elsewhere',
    );
  },
);
