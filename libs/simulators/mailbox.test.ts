import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

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
