import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import t, { type Test } from 'tap';
import { parseSse, type SseEvent } from './sse-parser.ts';
import { createSseWriter } from './sse-writer.ts';

/** A server that hands each response to the test. */
async function serve(test: Test, handle: (response: ServerResponse) => unknown): Promise<number> {
  const server = createServer((_request, response) => void handle(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const read = async (port: number) => {
  const response = await fetch(`http://127.0.0.1:${port}`);
  if (response.body === null) throw new Error('no body');
  const events: SseEvent[] = [];
  for await (const event of parseSse(response.body)) events.push(event);
  return { headers: response.headers, events };
};

t.test('what is sent is what a client reads', async (t) => {
  const port = await serve(t, async (response) => {
    const writer = createSseWriter(response, { headers: { 'x-request-id': 'r1' } });
    await writer.send({ data: '{"a":1}' });
    writer.comment('ignore\nme');
    await writer.send({ event: 'complete', id: '7', data: 'two\r\nlines' });
    writer.end();
    t.equal(writer.closed, true);
    t.equal(writer.send({ data: 'late' }), undefined);
    writer.end();
  });
  const { headers, events } = await read(port);
  t.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  t.equal(headers.get('x-request-id'), 'r1');
  t.strictSame(events, [
    { event: 'message', data: '{"a":1}', id: undefined },
    { event: 'complete', data: 'two\nlines', id: '7' },
  ]);
});

t.test('the head leaves before the first event', async (t) => {
  let writer: ReturnType<typeof createSseWriter> | undefined;
  const port = await serve(t, (response) => {
    writer = createSseWriter(response);
  });
  const response = await fetch(`http://127.0.0.1:${port}`);
  t.equal(response.status, 200);
  writer?.end();
  await response.text();
});

t.test('a silent stream is kept alive', async (t) => {
  const port = await serve(t, (response) => {
    createSseWriter(response, { keepAliveMs: 30 });
  });
  const response = await fetch(`http://127.0.0.1:${port}`);
  const reader = response.body?.getReader();
  for (let round = 0; round < 2; round++) {
    const chunk = await reader?.read();
    t.equal(new TextDecoder().decode(chunk?.value), ':\n\n');
  }
  await reader?.cancel();
});

t.test('a slow client holds the writer back, a gone one lets it go', async (t) => {
  // given a client that does not read
  const blocked = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const port = await serve(t, async (response) => {
    const writer = createSseWriter(response);
    const data = 'x'.repeat(65_536);
    // when more and more is sent
    while (!writer.closed) {
      const room = writer.send({ data });
      if (room === undefined) continue;
      t.equal(writer.send({ data }), room, 'everyone waits for the same room');
      blocked.resolve();
      await room;
    }
    ended.resolve();
  });
  const socket = connect(port, '127.0.0.1').pause();
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await blocked.promise;
  // then the writer waits for room, until the client is gone
  socket.destroy();
  await ended.promise;
});

t.test('a client that reads again lets the writer go on', async (t) => {
  const blocked = Promise.withResolvers<void>();
  const port = await serve(t, async (response) => {
    const writer = createSseWriter(response);
    let room: Promise<void> | undefined;
    while (room === undefined) room = writer.send({ data: 'x'.repeat(65_536) });
    blocked.resolve();
    await room;
    await writer.send({ event: 'last', data: '' });
    writer.end();
  });
  const response = await fetch(`http://127.0.0.1:${port}`);
  await blocked.promise;
  t.match(await response.text(), /event: last\ndata: \n\n$/);
});
