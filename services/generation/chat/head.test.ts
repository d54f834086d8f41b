/** When the head of a stream leaves: docs/decisions/2026-11-27-head-of-a-stream.md */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import t from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { chatPlan, createTestGeneration } from '../fixtures.ts';

const EVENTS = { 'content-type': 'text/event-stream' };
const CHUNK =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n';
const BODY = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], stream: true };

const vendor = createServer((incoming, response) => {
  incoming.resume().on('end', () => vendor.emit('asked', response));
});
const vendorUrl = await listenServerOnFreePort(t, vendor);
const generation = await createTestGeneration(t, { OPENAI_BASE_URL: `${vendorUrl}/v1` });

async function ask() {
  const { headers } = await generation.admit(chatPlan());
  const asked = once(vendor, 'asked') as Promise<[ServerResponse]>;
  const answered = fetch(generation.workUrl, { method: 'POST', headers, body: JSON.stringify(BODY) });
  const [response] = await asked;
  return { response, answered };
}

t.test(
  'given a provider that accepts and is silent, then the head and a comment leave before it writes',
  async (t) => {
    const { response, answered } = await ask();
    response.writeHead(200, EVENTS).flushHeaders();
    const answer = await answered;
    t.equal(answer.status, 200);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    t.equal((await reader?.read())?.value, ': waiting\n\n');
    response.end(`${CHUNK}data: [DONE]\n\n`);
    let text = '';
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) text += read.value;
    t.match(text, /"content":"Hi"[\s\S]*: inkmeter [\s\S]*data: \[DONE\]/);
  },
);

t.test('given an error inside the answer of a provider, then it has a status of its own', async (t) => {
  const { response, answered } = await ask();
  response.writeHead(200, EVENTS).end('data: {"error":{"message":"no","type":"invalid_request_error"}}\n\n');
  t.equal((await answered).status, 400);
});
