import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Pool } from 'undici';
import {
  decodeGenerationRequest,
  type GenerationRequestHead,
  type ResponseHead,
  type SentRequest,
} from '#libs/contracts/generation-requests.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createForward, RequestNotSentError } from './forward.ts';

/** More than the sockets and streams between generation and a client hold. */
const CHUNK_BYTES = 65_536;

type Answer = {
  whole: (head: ResponseHead, body: Buffer) => void;
  begin: (head: ResponseHead) => void;
  /** Resolves when there is room for more. */
  write: (bytes: Buffer) => Promise<unknown>;
  end: () => void;
  onGone: (listener: () => void) => void;
};

type Serve = (request: SentRequest, answer: Answer) => Promise<void>;

/** A generation process with one handler. @returns its URL, and a function that breaks its connections. */
async function generationOf(t: Test, serve: Serve) {
  const server = createServer(async (request, response) => {
    t.equal(request.headers.traceparent, TRACE, 'the trace is passed on');
    await serve(decodeGenerationRequest(Buffer.concat(await request.toArray())), {
      whole: ({ status, headers }, body) => void response.writeHead(status, headers).end(body),
      begin: ({ status, headers }) => response.writeHead(status, headers).flushHeaders(),
      write: async (bytes) => response.write(bytes) || (await once(response, 'drain')),
      end: () => void response.end(),
      onGone: (listener) => void response.once('close', listener),
    });
  });
  const url = await listenServerOnFreePort(t, server);
  return { url, lose: () => server.closeAllConnections() };
}

function poolTo(t: Test, url: string): Pool {
  const pool = new Pool(url, { connect: { timeout: 10_000 } });
  t.teardown(() => pool.destroy());
  return pool;
}

async function nowhere(t: Test): Promise<Pool> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return poolTo(t, `http://127.0.0.1:${port}`);
}

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const ok = (headers: Record<string, string> = {}): ResponseHead => ({ status: 200, headers });

/** A gateway that only forwards. @returns its URL, and the outcome of each request. */
async function given(t: Test, pools: Pool[], storeResponse = false) {
  const forward = createForward({ pools, sign: () => 'signed' });
  const outcomes: Promise<unknown>[] = [];
  const responses: ServerResponse[] = [];
  const head = {
    requestId: 'r1',
    plan: { kind: 'chat', calls: [] },
    storeResponse,
  } as unknown as GenerationRequestHead;
  const server = createServer((_, response) => {
    const outcome = forward({
      head,
      planJson: JSON.stringify(head.plan),
      body: Buffer.from('{}'),
      response,
      onBegin: () => undefined,
      responseHeaders: { 'x-request-id': 'r1' },
      traceparent: TRACE,
    });
    responses.push(response);
    outcomes.push(
      outcome.catch((error: Error) => {
        if (!response.headersSent) response.writeHead(503).end(error.name);
        return error;
      }),
    );
  });
  const url = await listenServerOnFreePort(t, server);
  return { url, outcome: (index = 0) => outcomes[index], response: (index = 0) => responses[index] };
}

t.test('passes on head, body, status and cost headers, and no other header', async (t) => {
  const { url: generation } = await generationOf(t, async ({ head, body }, answer) => {
    t.match(head, { requestId: 'r1' });
    const headers = {
      'content-type': 'application/json',
      'x-inkmeter-cost-nano-usd': '314250',
      'x-inkmeter-tokens': '42',
      'x-inkmeter-budget-state': 'warning',
      'x-accel-buffering': 'no',
      'x-internal': 'secret',
    };
    answer.whole({ status: 201, headers }, body);
  });
  const { url } = await given(t, [poolTo(t, generation)]);
  const answer = await fetch(url);
  t.equal(answer.status, 201);
  t.equal(await answer.text(), '{}');
  t.equal(answer.headers.get('x-inkmeter-cost-usd'), '0.000314250');
  t.equal(answer.headers.get('x-inkmeter-tokens'), '42');
  t.equal(answer.headers.get('x-inkmeter-budget-state'), 'warning');
  t.equal(answer.headers.get('x-request-id'), 'r1');
  t.equal(answer.headers.get('x-accel-buffering'), 'no', 'proxies pass the events on');
  t.equal(answer.headers.get('x-internal'), null);
});

t.test('chunks are sent as they arrive', async (t) => {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const { url: generation } = await generationOf(t, async (_, answer) => {
    answer.begin(ok());
    void answer.write(Buffer.from('first '));
    await mayEnd;
    void answer.write(Buffer.from('last'));
    answer.end();
  });
  const { url } = await given(t, [poolTo(t, generation)]);
  const reader = (await fetch(url)).body?.getReader();
  const first = await reader?.read();
  t.equal(Buffer.from(first?.value ?? []).toString(), 'first ', 'before the response is complete');
  end();
  const last = await reader?.read();
  t.equal(Buffer.from(last?.value ?? []).toString(), 'last');
});

t.test(
  'a process that cannot be reached is passed over; if none can be reached, nothing was started',
  async (t) => {
    const { url: generation } = await generationOf(t, async (_, answer) =>
      answer.whole(ok(), Buffer.from('here')),
    );
    const some = await given(t, [await nowhere(t), poolTo(t, generation)]);
    t.equal(await (await fetch(some.url)).text(), 'here');
    const none = await given(t, [await nowhere(t)]);
    t.equal(await (await fetch(none.url)).text(), 'RequestNotSentError');
    t.ok((await none.outcome()) instanceof RequestNotSentError);
  },
);

t.test(
  'a process lost before its response is an error; lost during its response, the response is cut',
  async (t) => {
    const silent = await generationOf(t, async () => silent.lose());
    const first = await given(t, [poolTo(t, silent.url)]);
    t.equal((await fetch(first.url)).status, 503);
    t.match(await first.outcome(), { code: 'service_unavailable' });

    const broken = await generationOf(t, async (_, answer) => {
      answer.begin(ok());
      void answer.write(Buffer.from('half'));
      setTimeout(broken.lose, 20);
      await new Promise(() => undefined);
    });
    const second = await given(t, [poolTo(t, broken.url)]);
    await t.rejects(fetch(second.url).then((answer) => answer.text()));
    t.equal(await second.outcome(), undefined);
  },
);

t.test('a request that was sent is not sent to another process', async (t) => {
  let repeats = 0;
  const silent = await generationOf(t, async () => silent.lose());
  const { url: other } = await generationOf(t, async (_, answer) => {
    repeats += 1;
    answer.whole(ok(), Buffer.from('again'));
  });
  const { url, outcome } = await given(t, [poolTo(t, silent.url), poolTo(t, other)]);
  t.equal((await fetch(url)).status, 503);
  t.match(await outcome(), { code: 'service_unavailable' });
  t.equal(repeats, 0);
});

t.test('given one of two processes down, concurrent requests are all served by the other', async (t) => {
  const { url: alive } = await generationOf(t, async (_, answer) => answer.whole(ok(), Buffer.from('done')));
  const { url } = await given(t, [await nowhere(t), poolTo(t, alive)]);
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(url)));
  t.strictSame([...new Set(answers.map(({ status }) => status))], [200]);
});

t.test('when the client leaves, generation learns of it', async (t) => {
  const { promise: left, resolve: tell } = Promise.withResolvers<void>();
  const { url: generation } = await generationOf(t, async (_, answer) => {
    answer.begin(ok());
    void answer.write(Buffer.from('begun'));
    answer.onGone(tell);
    await left;
  });
  const { url, outcome } = await given(t, [poolTo(t, generation)]);
  const client = httpRequest(url, (answer) => answer.once('data', () => client.destroy()));
  client.on('error', () => undefined);
  client.end();
  await left;
  t.equal(await outcome(), undefined);
});

t.test('when the client leaves while its request waits for a connection, nothing is started', async (t) => {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  let served = 0;
  const { url: generation } = await generationOf(t, async (_, answer) => {
    served += 1;
    await mayEnd;
    answer.whole(ok(), Buffer.from('done'));
  });
  const busy = new Pool(generation, { connections: 1, pipelining: 1 });
  t.teardown(() => busy.destroy());
  const { url, outcome, response } = await given(t, [busy]);
  const first = fetch(url);
  while (served === 0) await delay(1);
  const leaving = httpRequest(url);
  leaving.on('error', () => undefined);
  leaving.end();
  while (response(1) === undefined) await delay(1);
  leaving.destroy();
  await once(response(1) as ServerResponse, 'close');
  end();
  t.equal(await (await first).text(), 'done');
  t.ok((await outcome(1)) instanceof RequestNotSentError, 'so its hold can be closed');
  t.equal(served, 1);
});

t.test('a request whose response is stored continues at full speed when the client leaves', async (t) => {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const rest = Buffer.alloc(3 * CHUNK_BYTES, 'x');
  const { url: generation } = await generationOf(t, async (_, answer) => {
    answer.begin(ok());
    void answer.write(Buffer.from('begun, '));
    await mayEnd;
    await answer.write(rest);
    void answer.write(Buffer.from(', finished'));
    answer.end();
  });
  const { url, outcome } = await given(t, [poolTo(t, generation)], true);
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
  end();
  const kept = (await outcome()) as { status: number; body: Buffer };
  t.equal(kept.status, 200);
  t.equal(kept.body.toString(), `begun, ${rest}, finished`);
});

t.test('a response that is stored is ended by the caller', async (t) => {
  const { url: generation } = await generationOf(t, async (_, answer) =>
    answer.whole(ok({ 'content-length': '4' }), Buffer.from('done')),
  );
  const { url, outcome, response } = await given(t, [poolTo(t, generation)], true);
  const answer = await fetch(url);
  t.match(await outcome(), { status: 200, body: Buffer.from('done') });
  t.equal(response()?.writableEnded, false);
  t.equal(
    answer.headers.get('content-length'),
    null,
    'the client cannot take it for complete before its end',
  );
  response()?.end();
  t.equal(await answer.text(), 'done');
});

t.test('a client that does not read slows generation down instead of filling memory', async (t) => {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let sent = 0;
  const { promise: full, resolve: blocked } = Promise.withResolvers<void>();
  const { url: generation } = await generationOf(t, async (_, answer) => {
    answer.begin(ok());
    while (sent < 1000) {
      sent += 1;
      const before = sent;
      setTimeout(() => before === sent && blocked(), 200).unref();
      await answer.write(chunk);
    }
    answer.end();
  });
  const { url } = await given(t, [poolTo(t, generation)]);
  const answer = await new Promise<IncomingMessage>((resolve) => {
    httpRequest(url, (message) => {
      message.pause();
      resolve(message);
    }).end();
  });
  await full;
  t.ok(sent < 1000, `${sent} of 1000 chunks were read from generation`);
  let bytes = 0;
  for await (const part of answer) bytes += (part as Buffer).length;
  t.equal(bytes, 1000 * chunk.length, 'all of them arrive in the end');
});
