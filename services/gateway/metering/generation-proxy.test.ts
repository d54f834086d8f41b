import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createGenerationProxy, type Forward, WorkNotStartedError } from './generation-proxy.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const listen = (t: Test, handler: Handler) => listenServerOnFreePort(t, createServer(handler));

function poolTo(t: Test, url: string): Pool {
  const pool = new Pool(url, { connectTimeout: 500 });
  t.teardown(() => pool.destroy());
  return pool;
}

/** A gateway of nothing but the proxy; tells what `forward` came to. */
async function given(t: Test, pools: Pool[], options: Partial<Forward> = {}) {
  const proxy = createGenerationProxy(pools);
  const outcomes: Promise<unknown>[] = [];
  const url = await listen(t, (_, response) => {
    const outcome = proxy.forward({
      path: '/work',
      body: '{}',
      headers: { 'content-type': 'application/json' },
      response,
      beforeAnswer: () => undefined,
      answerHeaders: { 'x-request-id': 'r1' },
      capture: false,
      ...options,
    });
    outcomes.push(
      outcome.catch((error: Error) => {
        if (!response.headersSent) response.writeHead(503).end(error.name);
        return error;
      }),
    );
  });
  return { url, outcome: (index = 0) => outcomes[index] };
}

t.test('passes status, body and figures on, and nothing else', async (t) => {
  const upstream = await listen(t, (_, response) => {
    response.writeHead(201, {
      'content-type': 'application/json',
      'x-inkmeter-cost-nano-usd': '314250',
      'x-inkmeter-tokens': '42',
      'x-inkmeter-budget-state': 'warning',
      'x-internal': 'secret',
    });
    response.end('{"a":1}');
  });
  const { url } = await given(t, [poolTo(t, upstream)]);
  const answer = await fetch(url);
  t.equal(answer.status, 201);
  t.equal(await answer.text(), '{"a":1}');
  t.equal(answer.headers.get('x-inkmeter-cost-usd'), '0.000314250');
  t.equal(answer.headers.get('x-inkmeter-tokens'), '42');
  t.equal(answer.headers.get('x-inkmeter-budget-state'), 'warning');
  t.equal(answer.headers.get('x-request-id'), 'r1');
  t.equal(answer.headers.get('x-internal'), null);
});

t.test('chunks leave as they come', async (t) => {
  let finish: (() => void) | undefined;
  const upstream = await listen(t, (_, response) => {
    response.write('first ');
    finish = () => response.end('last');
  });
  const { url } = await given(t, [poolTo(t, upstream)]);
  const reader = (await fetch(url)).body?.getReader();
  const first = await reader?.read();
  t.equal(Buffer.from(first?.value ?? []).toString(), 'first ', 'before the answer is complete');
  finish?.();
  const last = await reader?.read();
  t.equal(Buffer.from(last?.value ?? []).toString(), 'last');
});

t.test(
  'a process that cannot be reached is passed over; if there is none, nothing was started',
  async (t) => {
    const upstream = await listen(t, (_, response) => response.end('here'));
    const dead = poolTo(t, 'http://127.0.0.1:1');
    const some = await given(t, [dead, poolTo(t, upstream)]);
    t.equal(await (await fetch(some.url)).text(), 'here');
    const none = await given(t, [dead]);
    t.equal(await (await fetch(none.url)).text(), 'WorkNotStartedError');
    t.ok((await none.outcome()) instanceof WorkNotStartedError);
  },
);

t.test(
  'a process lost before it answers is an error; lost within its answer, the answer is cut',
  async (t) => {
    const silent = await listen(t, (request) => request.socket.destroy());
    const first = await given(t, [poolTo(t, silent)]);
    t.equal((await fetch(first.url)).status, 503);
    t.match(await first.outcome(), { code: 'service_unavailable' });

    const broken = await listen(t, (request, response) => {
      response.write('half');
      setImmediate(() => request.socket.destroy());
    });
    const second = await given(t, [poolTo(t, broken)]);
    await t.rejects(fetch(second.url).then((answer) => answer.text()));
  },
);

t.test('given one of two processes gone, many requests at once are all served by the other', async (t) => {
  const gone = createServer();
  const goneUrl = await listenServerOnFreePort(t, gone);
  await new Promise((resolve) => gone.close(resolve));
  const alive = await listen(t, (_, response) => response.end('done'));
  const { url } = await given(t, [poolTo(t, goneUrl), poolTo(t, alive)]);
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(url)));
  t.strictSame([...new Set(answers.map(({ status }) => status))], [200]);
});

t.test('when the client leaves, the work is told', async (t) => {
  let told: (() => void) | undefined;
  const left = new Promise<void>((resolve) => {
    told = resolve;
  });
  const upstream = await listen(t, (_, response) => {
    response.write('begun');
    response.on('close', () => told?.());
  });
  const { url, outcome } = await given(t, [poolTo(t, upstream)]);
  const client = httpRequest(url, (answer) => answer.once('data', () => client.destroy()));
  client.on('error', () => undefined);
  client.end();
  await left;
  t.equal(await outcome(), undefined);
});

t.test('work whose answer is kept goes on when the client leaves', async (t) => {
  let finish: (() => void) | undefined;
  const upstream = await listen(t, (_, response) => {
    response.write('begun, ');
    finish = () => response.end('finished');
  });
  const { url, outcome } = await given(t, [poolTo(t, upstream)], { capture: true });
  await new Promise<void>((resolve) => {
    const client = httpRequest(url, (answer) =>
      answer.once('data', () => {
        client.destroy();
        resolve();
      }),
    );
    client.on('error', () => undefined);
    client.end();
  });
  finish?.();
  t.match(await outcome(), { status: 200, body: Buffer.from('begun, finished') });
});

t.test('a client that does not read slows the work down instead of filling memory', async (t) => {
  const chunk = Buffer.alloc(64 * 1024);
  let sent = 0;
  let blocked: (() => void) | undefined;
  const full = new Promise<void>((resolve) => {
    blocked = resolve;
  });
  const upstream = await listen(t, (_, response) => {
    const more = () => {
      while (sent < 1000) {
        sent += 1;
        if (!response.write(chunk)) {
          if (sent > 50) blocked?.();
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const { url } = await given(t, [poolTo(t, upstream)]);
  const answer = await new Promise<IncomingMessage>((resolve) => {
    httpRequest(url, (message) => {
      message.pause();
      resolve(message);
    }).end();
  });
  await full;
  t.ok(sent < 1000, `${sent} of 1000 chunks were taken from the work`);
  let bytes = 0;
  for await (const part of answer) bytes += (part as Buffer).length;
  t.equal(bytes, 1000 * chunk.length, 'and all of them arrive in the end');
});
