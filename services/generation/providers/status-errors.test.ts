/** Whose fault a failed answer is, and when it may be asked again. */
import { createServer, type ServerResponse } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { callContext, chatWith, providerError, providersAt } from './fixtures.ts';
import { errorFromDocument, errorFromStatus } from './status-errors.ts';

const html = '<html><body>Not here</body></html>';
const openAi = (message: string, code: string | null = null, param: string | null = null) => ({
  error: { message, type: 'invalid_request_error', code, param },
});

const failed = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  errorFromStatus({ status, body, header: (name) => headers[name] ?? null, providerRequestId: null });

t.test('given a status that the caller did not cause, then it is ours', async (t) => {
  for (const status of [301, 302, 307, 400, 405, 406, 407, 409, 410, 411, 413, 415, 418, 422, 451]) {
    for (const body of [undefined, html, [], 7]) {
      t.match(
        failed(status, body),
        { blame: 'us', retryable: false, mayBeBilled: false, status },
        `${status}`,
      );
    }
  }
  for (const status of [401, 402, 403, 404, 405]) {
    t.match(failed(status, openAi('No.')), { blame: 'us', retryable: false, status }, `${status}`);
  }
  const rows: [status: number, body: unknown][] = [
    [400, openAi('Incorrect API key provided: sk-abc***xyz', 'invalid_api_key')],
    [400, { error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT' } }],
    [
      400,
      { type: 'error', error: { type: 'invalid_request_error', message: 'Your credit balance is too low.' } },
    ],
    [429, openAi('You exceeded your current quota.', 'insufficient_quota')],
  ];
  for (const [status, body] of rows) t.match(failed(status, body), { kind: 'authentication', blame: 'us' });
});

t.test('given the error document of a vendor, then the caller learns what to change', async (t) => {
  const rows: [status: number, body: unknown, kind: string][] = [
    [400, openAi('Unknown parameter: x', null, 'x'), 'bad_request'],
    [422, { detail: [{ loc: ['body', 'messages'], msg: 'Field required', type: 'missing' }] }, 'bad_request'],
    [400, { error: 'This model does not support tools' }, 'bad_request'],
    [400, openAi('maximum context length is 8192 tokens', 'context_length_exceeded'), 'context_length'],
    [413, { type: 'error', error: { type: 'request_too_large', message: 'Too large' } }, 'context_length'],
    [400, openAi('Your request was rejected by our safety system', 'moderation_blocked'), 'refused'],
    [403, { error: 'Content violates usage guidelines.' }, 'refused'],
    [403, { name: 'content_moderation', errors: ['Your request was flagged.'] }, 'refused'],
  ];
  for (const [status, body, kind] of rows) t.match(failed(status, body), { kind, blame: 'caller' }, kind);
  t.equal(failed(400, openAi('Unknown parameter: x', null, 'x')).param, 'x');
});

t.test('given a pause that the provider asks for, then it is understood', async (t) => {
  const rows: [headers: Record<string, string>, expectedMs: number | null][] = [
    [{ 'retry-after': '60' }, 60_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '1500', 'retry-after': '60' }, 1_500],
    [{ 'retry-after': 'Fri, 27 Nov 2026 07:01:00 GMT', date: 'Fri, 27 Nov 2026 07:00:00 GMT' }, 60_000],
    [{ 'retry-after': 'Fri, 27 Nov 2026 07:00:00 GMT', date: 'Fri, 27 Nov 2026 07:01:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-5' }, null],
    [{ 'retry-after': '99999999999999999999' }, 86_400_000],
    [{}, null],
  ];
  for (const [headers, expectedMs] of rows) {
    t.equal(failed(429, undefined, headers).retryAfterMs, expectedMs, JSON.stringify(headers));
  }
  const ahead = new Date(Date.now() + 60_000).toUTCString();
  const { retryAfterMs } = failed(429, undefined, { 'retry-after': ahead });
  t.ok(
    retryAfterMs !== null && retryAfterMs > 50_000 && retryAfterMs <= 60_000,
    'by our clock without theirs',
  );
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' }];
  t.equal(failed(429, { error: { code: 429, message: 'Slow down', details } }).retryAfterMs, 1_500);
});

t.test('given a message with a key or control characters, then it is scrubbed', async (t) => {
  const message = 'bad\u0000thing with sk-test-SECRETSECRET, Bearer abcdefghij and AIzaSyA1234567890\n\ud800';
  const { message: seen } = failed(400, openAi(message));
  t.equal(seen, 'bad thing with [redacted], [redacted] and [redacted] \ufffd');
  t.equal(failed(400, openAi('x'.repeat(5_000))).message.length, 500);
  for (const body of [
    openAi(message),
    { detail: message },
    { type: 'error', error: { message } },
    [{ error: { message } }],
  ]) {
    t.notMatch(
      errorFromDocument(body, null).message,
      /SECRET|AIza|abcdefghij/,
      'in an answer with status 200 too',
    );
  }
});

t.test('given every provider path, then statuses mean the same', async (t) => {
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.destroy());
  let answer = (_: ServerResponse) => {};
  let hits = 0;
  const server = createServer((request, response) => {
    hits += 1;
    request.resume();
    answer(response);
  });
  const url = await listenServerOnFreePort(t, server);
  const rows: [status: number, headers: Record<string, string>, body: string, expected: object][] = [
    [302, { location: `${url}/elsewhere` }, html, { kind: 'misdirected' }],
    [405, {}, html, { kind: 'misdirected' }],
    [407, {}, html, { kind: 'authentication' }],
    [413, {}, html, { kind: 'misdirected' }],
    [400, {}, JSON.stringify(openAi('Unknown parameter')), { kind: 'bad_request' }],
    [500, {}, html, { kind: 'server', retryable: true }],
    [429, { 'retry-after': '7' }, '{}', { kind: 'rate_limited', retryAfterMs: 7_000 }],
  ];
  for (const provider of ['openai', 'xai', 'mistral', 'ollama', 'anthropic', 'gemini'] as const) {
    const { source } = providersAt(provider, url, dispatcher).forChat(provider);
    for (const [status, headers, body, expected] of rows) {
      answer = (response) => response.writeHead(status, headers).end(body);
      hits = 0;
      await t.rejects(
        source.chat(chatWith({}), callContext()),
        providerError(expected),
        `${provider} ${status}`,
      );
      const streamed = source.chatStream(chatWith({ stream: true }), callContext(), () => undefined);
      await t.rejects(streamed, providerError(expected), `${provider} ${status}, streamed`);
      t.equal(hits, 2, 'no redirect is followed');
    }
  }
});
