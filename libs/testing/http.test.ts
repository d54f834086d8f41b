import { createServer } from 'node:http';
import fastify from 'fastify';
import t from 'tap';
import { listenOnFreePort, listenServerOnFreePort, request } from './http.ts';

t.test('given an app on a free port, requests go over real HTTP', async (t) => {
  const app = fastify();
  app.post('/echo', async (request) => ({ got: request.body }));
  const url = await listenOnFreePort(t, app);
  const { status, body } = await request(`${url}/echo`, { body: { a: 1 } });
  t.strictSame({ status, body }, { status: 200, body: { got: { a: 1 } } });
  const missing = await request<{ statusCode: number }>(`${url}/none`);
  t.strictSame([missing.status, missing.body.statusCode], [404, 404]);
  const broken = await request(`${url}/echo`, { body: '{', headers: { 'content-type': 'application/json' } });
  t.equal(broken.status, 400);
});

t.test('given a bare server, text comes back as text', async (t) => {
  const url = await listenServerOnFreePort(
    t,
    createServer((_, response) => response.setHeader('content-type', 'text/plain').end('plain')),
  );
  t.equal((await request(url, { method: 'DELETE' })).body, 'plain');
});
