import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { toFile } from 'openai';
import t, { type Test } from 'tap';
import { createServicePool } from './service-pool.ts';
import { fetchFromUndici } from './undici-fetch.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

/** A server and a fetch that has exactly one connection to it, so that a connection left behind blocks the test. */
async function serve(test: Test, handle: Handler) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    await handle(request, response, Buffer.concat(chunks).toString());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pool = createServicePool(url, { connections: 1 });
  test.teardown(async () => {
    await pool.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { url, fetch: fetchFromUndici(pool), server };
}

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const completion = {
  id: 'c1',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
};

t.test('the parts of a fetch that are there', async (t) => {
  const { url, fetch } = await serve(t, (request, response, body) =>
    json(
      response,
      201,
      { method: request.method, path: request.url, body, type: request.headers['content-type'] },
      {
        'x-request-id': 'r1',
      },
    ),
  );
  const answer = await fetch(new URL(`${url}/a/b?c=d`), {
    method: 'POST',
    headers: new Headers({ 'content-type': 'text/plain' }),
    body: 'hello',
  });
  t.equal(answer.status, 201);
  t.equal(answer.ok, true);
  t.equal(answer.url, `${url}/a/b?c=d`);
  t.equal(answer.headers.get('X-Request-Id'), 'r1');
  t.equal(answer.headers.has('x-nothing'), false);
  t.equal(answer.headers.get('x-nothing'), null);
  t.equal(new Map(answer.headers).get('content-type'), 'application/json');
  t.strictSame(
    [...answer.headers.keys()],
    [...answer.headers.entries()].map(([name]) => name),
  );
  t.strictSame(await answer.json(), { method: 'POST', path: '/a/b?c=d', body: 'hello', type: 'text/plain' });
  t.equal(answer.bodyUsed, true);

  const bytes = await fetch(url, {
    method: 'PUT',
    body: new TextEncoder().encode('bytes'),
    headers: [['x-a', 'b']],
  });
  t.match(await bytes.text(), '"body":"bytes"');
  const streamed = await fetch(url, {
    method: 'POST',
    body: ReadableStream.from(['str', 'eam']) as unknown as string,
  });
  t.match(new TextDecoder().decode(await streamed.bytes()), '"body":"stream"');
  const form = new URLSearchParams({ a: 'b c' });
  const encoded = await fetch(url, { method: 'POST', body: form });
  t.match(await encoded.json(), { body: 'a=b+c', type: 'application/x-www-form-urlencoded;charset=UTF-8' });
  t.equal((await (await fetch(url)).arrayBuffer()).byteLength > 0, true);
  t.equal((await (await fetch(url)).blob()).size > 0, true);
  await t.rejects(fetch(new Request(url)), TypeError);
});

t.test('the OpenAI SDK: answers, uploads and errors', async (t) => {
  const { url, fetch } = await serve(t, (request, response, body) => {
    if (request.url === '/v1/audio/transcriptions') {
      t.match(request.headers['content-type'], /^multipart\/form-data; boundary=/);
      t.match(body, 'filename="a.wav"');
      return json(response, 200, { text: 'spoken' });
    }
    if (body.includes('"missing"')) {
      return json(response, 404, {
        error: { message: 'no such model', type: 't', param: 'model', code: 'model_not_found' },
      });
    }
    return json(response, 200, completion, { 'x-request-id': 'r1' });
  });
  const client = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, fetch, maxRetries: 0 });
  const answer = await client.chat.completions.create({ model: 'm', messages: [] });
  t.equal(answer.choices[0]?.message.content, 'hello');
  t.equal(answer._request_id, 'r1');
  await t.rejects(client.chat.completions.create({ model: 'missing', messages: [] }), {
    status: 404,
    code: 'model_not_found',
    param: 'model',
  });
  const file = await toFile(Buffer.from('RIFF'), 'a.wav');
  t.equal((await client.audio.transcriptions.create({ file, model: 'whisper-1' })).text, 'spoken');
});

t.test('retries give their connection back', async (t) => {
  // given one connection, and a server that refuses twice with a body that is never read
  let calls = 0;
  const { url, fetch } = await serve(t, (_request, response) => {
    calls++;
    if (calls <= 2)
      return json(response, 429, { error: { message: 'x'.repeat(10_000) } }, { 'retry-after-ms': '1' });
    return json(response, 200, completion);
  });
  // when the SDK retries, then it is not left waiting for the connection of its first attempt
  const client = new OpenAI({ apiKey: 'k', baseURL: url, fetch, maxRetries: 2 });
  const answer = await client.chat.completions.create({ model: 'm', messages: [] });
  t.equal(answer.id, 'c1');
  t.equal(calls, 3);
});

t.test('streams of both SDKs', async (t) => {
  const { url, fetch } = await serve(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (request.url?.endsWith('/messages')) {
      const message = {
        id: 'm1',
        type: 'message',
        role: 'assistant',
        content: [],
        model: 'm',
        usage: { input_tokens: 1, output_tokens: 1 },
      };
      const events: [string, object][] = [
        ['message_start', { message }],
        ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
        ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'hel' } }],
        ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'lo' } }],
        ['content_block_stop', { index: 0 }],
        ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }],
        ['message_stop', {}],
      ];
      for (const [type, fields] of events)
        response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
    } else {
      for (const content of ['hel', 'lo']) {
        response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
      }
      response.write('data: [DONE]\n\n');
    }
    response.end();
  });
  const openai = new OpenAI({ apiKey: 'k', baseURL: url, fetch, maxRetries: 0 });
  const anthropic = new Anthropic({ apiKey: 'k', baseURL: url, fetch, maxRetries: 0 });
  for (let round = 0; round < 3; round++) {
    let text = '';
    const stream = await openai.chat.completions.create({ model: 'm', messages: [], stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    t.equal(text, 'hello');
    const final = await anthropic.messages
      .stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] })
      .finalMessage();
    t.match(final.content, [{ type: 'text', text: 'hello' }]);
    t.equal(final.usage.output_tokens, 2);
  }
});

t.test('aborting reaches the socket', async (t) => {
  // given a server that streams without end
  const closed: Promise<unknown>[] = [];
  const arrived = Promise.withResolvers<void>();
  const { url, fetch } = await serve(t, (request, response) => {
    closed.push(once(response, 'close'));
    if (request.url === '/never') return arrived.resolve();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[]}\n\n');
  });
  const client = new OpenAI({ apiKey: 'k', baseURL: url, fetch, maxRetries: 0 });

  // when the reader breaks off, then the server sees the connection end
  const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true });
  for await (const _chunk of stream) break;
  await closed[0];

  // when the caller aborts while reading
  const controller = new AbortController();
  const aborted = await client.chat.completions.create(
    { model: 'm', messages: [], stream: true },
    { signal: controller.signal },
  );
  const chunks = aborted[Symbol.asyncIterator]();
  await chunks.next();
  controller.abort();
  t.equal((await chunks.next()).done, true, 'the SDK ends an aborted stream quietly');
  await closed[1];

  // when the caller aborts before reading, then there is no unhandled error
  const idle = new AbortController();
  await fetch(url, { signal: idle.signal });
  idle.abort();
  await closed[2];

  // when the caller aborts before the answer
  const early = new AbortController();
  const waiting = fetch(`${url}/never`, { signal: early.signal });
  await arrived.promise;
  early.abort();
  await t.rejects(waiting, { name: 'AbortError' });
  await closed[3];
});

t.test('a server that hangs up is an error, not silence', async (t) => {
  const { url, fetch } = await serve(t, (request, response) => {
    if (request.url?.startsWith('/cut')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[]}\n\n', () => response.destroy());
    } else {
      response.destroy();
    }
  });
  const client = new OpenAI({ apiKey: 'k', baseURL: `${url}/cut`, fetch, maxRetries: 0 });
  const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true });
  await t.rejects(async () => {
    for await (const _chunk of stream);
  });
  await t.rejects(fetch(url), { code: 'UND_ERR_SOCKET' });
});

t.test('a body can be read or left like a web stream', async (t) => {
  const { url, fetch } = await serve(t, (_request, response) => json(response, 200, { ok: true }));
  const reader = (await fetch(url)).body?.getReader();
  const first = await reader?.read();
  t.equal(new TextDecoder().decode(first?.value), '{"ok":true}');
  t.equal((await reader?.read())?.done, true);
  reader?.releaseLock();
  await (await fetch(url)).body?.cancel();
  await (await fetch(url)).body?.getReader().cancel();
  t.equal((await fetch(url)).status, 200, 'the connection is free again');
});
