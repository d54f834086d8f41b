import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import { createServicePool } from './service-pool.ts';

t.test('connections are reused, one request at a time on each', async (t) => {
  const sockets = new Set<Socket>();
  const release: (() => void)[] = [];
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    if (request.url === '/hold') release.push(() => response.end('held'));
    else response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = createServicePool(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ignored`, {
    connections: 2,
  });
  t.teardown(async () => {
    await pool.destroy();
    server.close();
  });
  const get = async (path: string) => {
    const { body, statusCode } = await pool.request({ method: 'GET', path });
    return `${statusCode} ${await body.text()}`;
  };

  for (let round = 0; round < 5; round++) t.equal(await get('/'), '200 ok');
  t.ok(sockets.size <= 2, 'not one for each');

  const held = get('/hold');
  for (let round = 0; round < 5; round++) t.equal(await get('/'), '200 ok', 'not behind the slow one');
  t.equal(sockets.size, 2);
  for (const free of release) free();
  t.equal(await held, '200 held');
});
