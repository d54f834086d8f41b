import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { parseSse, type SseEvent } from './sse-parser.ts';
import { createSseWriter, SSE_HEADERS, type SseSink } from './sse-writer.ts';

type Sink = SseSink & { end: () => void };

function sinkOf(response: ServerResponse): Sink {
  response.writeHead(200, SSE_HEADERS).flushHeaders();
  return {
    write(bytes) {
      if (!response.writableEnded) response.write(bytes);
      return undefined;
    },
    isClosed: () => response.writableEnded || response.destroyed,
    end: () => response.end(),
  };
}

/** A server that hands each response to the test. */
async function serve(test: Test, handle: (sink: Sink) => unknown): Promise<number> {
  const server = createServer((_request, response) => void handle(sinkOf(response)));
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
  const port = await serve(t, async (sink) => {
    const writer = createSseWriter(sink);
    await writer.send({ data: '{"a":1}' });
    writer.comment('ignore\nme');
    await writer.send({ event: 'complete', id: '7', data: 'two\r\nlines' });
    sink.end();
  });
  const { headers, events } = await read(port);
  t.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  t.strictSame(events, [
    { event: 'message', data: '{"a":1}', id: undefined },
    { event: 'complete', data: 'two\nlines', id: '7' },
  ]);
});

t.test('an idle stream gets keep-alive comments until it is closed', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const sent: string[] = [];
  let closed = false;
  const write = (bytes: Buffer) => {
    sent.push(bytes.toString());
    return undefined;
  };
  createSseWriter({ write, isClosed: () => closed }, 30);
  mock.timers.tick(60);
  t.strictSame(sent, [':\n\n', ':\n\n']);
  closed = true;
  mock.timers.tick(300);
  t.equal(sent.length, 2, 'nothing is sent after the end');
});
