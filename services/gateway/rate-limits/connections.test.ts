import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { limitConnections } from './connections.ts';

t.test('given an address with many open connections, then others can still connect', async (t) => {
  const server = createServer((_, response) => response.end('ok'));
  limitConnections(server, 2);
  const port = Number(new URL(await listenServerOnFreePort(t, server)).port);

  /** Whether the server keeps a connection from this address open. */
  async function open(localAddress: string) {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const isServed = await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]);
    return { socket, isServed };
  }

  const first = await open('127.0.0.2');
  t.equal(first.isServed, true);
  t.equal((await open('127.0.0.2')).isServed, true);
  t.equal((await open('127.0.0.2')).isServed, false, 'the third');
  t.equal((await open('127.0.0.3')).isServed, true, 'another address');
  const closed = new Promise<void>((resolve) => {
    server.getConnections(() => resolve());
  });
  first.socket.destroy();
  await closed;
  for (;;) {
    const next = await open('127.0.0.2');
    if (next.isServed) break;
  }
  t.pass('a closed one makes room');
});
