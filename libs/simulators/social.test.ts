import t from 'tap';
import { request } from '#libs/testing/http.ts';
import { startProviderSimulator } from './provider-simulator.ts';

t.test('the publisher takes credentials for a reference, and publishes once for each key', async (t) => {
  const simulator = await startProviderSimulator();
  t.teardown(() => simulator.close());
  const url = `${simulator.url}/social/v1`;
  const account = { platform: 'twitter', handle: 'inkmeter' };

  const connected = await request<{ reference: string }>(`${url}/connections`, {
    body: { ...account, credentials: 'secret' },
  });
  t.match(connected, { status: 201, body: { reference: /^soc_[0-9a-f]{32}$/ } });
  t.notMatch(JSON.stringify(connected.body), 'secret');
  t.match(await request(`${url}/connections`, { body: { ...account, credentials: 'invalid' } }), {
    status: 401,
    body: { error: { code: 'invalid_credentials' } },
  });

  const { reference } = connected.body;
  const publish = (text: string, key: string, as = reference) =>
    request(`${url}/posts`, {
      body: { platform: 'twitter', reference: as, text },
      headers: { 'idempotency-key': key },
    });
  const first = await publish('Hello', 'a');
  t.match(first, { status: 201, body: { url: /^https:\/\/twitter\.example\/posts\// } });
  t.match(await publish('Something else', 'a'), { status: 200, body: first.body as object });
  t.equal((await publish('[[simulate: 503x1]]', 'b')).status, 503);
  t.equal((await publish('[[simulate: 503x1]]', 'b')).status, 201);
  t.match(await publish('[[simulate: status=422]]', 'c'), {
    status: 422,
    body: { error: { code: 'simulated' } },
  });
  t.equal((await publish('[[simulate: sttus=422]]', 'd')).status, 400);
  t.equal((await publish('Hello', 'e', 'unknown')).status, 404);
  t.equal((await request(`${url}/posts`, { body: '{' })).status, 400);
  t.equal((await request(`${url}/posts`, { body: {} })).status, 400);
  t.equal((await request(`${url}/nothing`, { body: {} })).status, 404);
  t.equal((await request(`${url}/connections/${reference}`, { method: 'DELETE' })).status, 204);

  const seen = async () => (await request<{ posts: object[] }>(`${url}/posts`)).body.posts.length;
  t.equal(await seen(), 2);
  await request(`${simulator.url}/witness/reset`, { method: 'POST' });
  t.equal(await seen(), 0);
});
