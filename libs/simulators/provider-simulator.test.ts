import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

const now = new Date('2026-11-20T10:00:00.000Z');
const simulator = await startProviderSimulator({ fast: true, clock: { now: () => now } });
t.teardown(() => simulator.close());
t.beforeEach(async () => {
  await fetch(`${simulator.url}/witness/reset`, { method: 'POST' });
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}, url = simulator.url) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const get = async (path: string) => (await fetch(`${simulator.url}${path}`)).json() as Promise<never>;

const chat = '/openai/v1/chat/completions';
const hello = { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] };

t.test('in fast mode the text is fixed and usage is exact', async (t) => {
  const usageOf = async (directives: string) => {
    const response = await post(chat, hello, { 'x-simulate': directives });
    return ((await response.json()) as { usage: object }).usage;
  };
  t.match(await usageOf(''), { prompt_tokens: 1, completion_tokens: 21 });
  t.match(await usageOf('fill'), { completion_tokens: 100 });
  t.match(await usageOf('tokens=77'), { completion_tokens: 77 });
  const streamed = await post(chat, { ...hello, stream: true }, { 'x-simulate': 'chunks=50,fill' });
  t.equal((await streamed.text()).match(/"content":"[^"]/g)?.length, 50);
});

t.test('the witness is served over HTTP', async (t) => {
  const answered = await post(chat, hello, { 'x-inkmeter-call': 'call-7' });
  const { id } = (await answered.json()) as { id: string };
  await post(chat, hello, { 'x-simulate': 'status=500' });
  await post('/anthropic/v1/messages', hello, { 'anthropic-version': '2023-06-01' });

  t.match(await get('/witness/totals'), {
    calls: 3,
    complete: 3,
    failed: 1,
    input_tokens: 2,
    output_tokens: 42,
    providers: {
      openai: { 'gpt-4o-mini': { calls: 2, failed: 1, output_tokens: 21 } },
      anthropic: { 'gpt-4o-mini': { calls: 1, input_tokens: 1, cache_read_tokens: 0, reasoning_tokens: 0 } },
    },
  });
  t.strictSame(await get('/witness/calls?correlation=call-7'), {
    calls: [
      {
        id,
        provider: 'openai',
        model: 'gpt-4o-mini',
        correlation: 'call-7',
        input_tokens: 1,
        input_audio_tokens: 0,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        output_tokens: 21,
        reasoning_tokens: 0,
        images: 0,
        reports_usage: true,
        usage_mode: null,
        complete: true,
        status: 200,
        started_at: now.toISOString(),
        ended_at: now.toISOString(),
      },
    ],
  });
  t.match(await get(`/witness/calls?since=${now.toISOString()}`), { calls: { length: 3 } });
  t.strictSame(await get('/witness/calls?since=2026-11-20T10:00:00.001Z'), { calls: [] });
  t.equal((await fetch(`${simulator.url}/witness/calls?since=yesterday`)).status, 400);
  await fetch(`${simulator.url}/witness/reset`, { method: 'POST' });
  t.match(await get('/witness/totals'), { calls: 0, providers: {} });
});

t.test('refuses in the words of the vendor', async (t) => {
  const refused = async (path: string, body: unknown, headers = {}) => {
    const response = await post(path, body, headers);
    return { status: response.status, body: await response.json() };
  };
  t.match(await refused(chat, '{'), { status: 400, body: { error: { type: 'invalid_request_error' } } });
  t.match(await refused(chat, { messages: [] }), { status: 400 });
  t.match(await refused(chat, hello, { authorization: '' }), {
    status: 401,
    body: { error: { code: 'invalid_api_key' } },
  });
  t.match(await refused(chat, { ...hello, max_tokens: 0 }), {
    status: 400,
    body: { error: { param: 'max_tokens' } },
  });
  t.match(await refused(chat, hello, { 'x-simulate': 'fil' }), {
    status: 400,
    body: { error: { message: /fil/ } },
  });
  t.match(await refused('/anthropic/v1/messages', { ...hello, max_tokens: undefined }), { status: 400 });
  t.match(await refused('/gemini/v1beta/models/gemini-2.0-flash:generateContent?key=a', {}), {
    status: 400,
    body: { error: { code: 400, status: 'INVALID_ARGUMENT' } },
  });
  t.match(await refused('/gemini/v1beta/models/%E0%A4%A:generateContent', { contents: [] }), {
    status: 401,
    body: { error: { status: 'UNAUTHENTICATED' } },
  });
  t.match(await refused('/nowhere', {}), { status: 404 });
});

t.test('a request that would break the simulator is answered with 500', async (t) => {
  let nested: object = { type: 'string' };
  for (let depth = 0; depth < 5000; depth += 1) nested = { properties: { a: nested }, required: ['a'] };
  const format = { type: 'json_schema', json_schema: { name: 'deep', schema: nested } };
  t.equal((await post(chat, { ...hello, response_format: format })).status, 500);
  t.equal((await post(chat, hello)).status, 200);
});

t.test('runs as a process: one line when ready, ends on SIGTERM even while a call hangs', async (t) => {
  const child = spawn(process.execPath, ['main.ts'], {
    cwd: dirname(new URL(import.meta.url).pathname),
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const output = createInterface(child.stdout);
  output.on('line', (line) => lines.push(line));
  await once(output, 'line');
  const { url } = JSON.parse(lines[0] ?? '');
  t.equal((await post(chat, hello, {}, url)).status, 200);
  const hanging = t.rejects(post(chat, hello, { 'x-simulate': 'hang' }, url));
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  t.strictSame(await exit, [0, null]);
  await hanging;
  t.equal(lines.length, 1);
});
