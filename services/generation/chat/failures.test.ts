/** Metered chats that fail: what was produced is charged, and nothing stays held. */
import t from 'tap';
import { request } from '#libs/testing/http.ts';
import {
  ACCOUNT,
  CALLER,
  chatPlan,
  createTestGeneration,
  type HeldRequest,
  OTHER_ACCOUNT,
  type TestProvider,
  type UsageRow,
} from '../fixtures.ts';

const generation = await createTestGeneration(t, {
  PROVIDER_TIMEOUT: '2s',
  PROVIDER_IDLE_TIMEOUT: '2s',
  DEADLINE_MARGIN: '0ms',
});
const { url, simulator, ledger } = generation;
const route = generation.workUrl;
const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

const chat = (content: string, more: object = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content }],
  ...more,
});

/** A short prompt with the overhead that a vendor may add; the plan held 500. */
const isPromptCounted = (tokens: number | null) => tokens !== null && tokens > 80 && tokens < 120;

async function rowOf(requestId: string): Promise<UsageRow> {
  t.equal(await generation.holdState(requestId), 'closed', 'the hold is closed');
  const rows = await generation.rows(requestId);
  t.equal(rows.length, 1, 'one row');
  return rows[0] as UsageRow;
}

/** The service is notified of a lifted stop shortly after it is lifted. */
async function untilServed(): Promise<void> {
  for (let status = 503; status !== 200; ) {
    const { headers } = await generation.admit(chatPlan());
    ({ status } = await request(route, { headers, body: chat('Rivers') }));
  }
}

/** A row without usage. */
const NOTHING = { cost_nano_usd: 0n, input_tokens: null, output_tokens: null };

/** What is held for a call of the plan, at the dearest class of input and output. */
const BOUND = { cost_nano_usd: 805_000n, input_tokens: 500, output_tokens: 60 };

/** Opens a stream that the test reads piece by piece, and can disconnect from. */
async function openStream({ headers }: HeldRequest, body: object) {
  const controller = new AbortController();
  const response = await fetch(route, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: controller.signal,
  });
  const reader = response.body?.getReader();
  let text = '';
  const readUntil = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) break;
      text += Buffer.from(piece.value).toString();
    }
    return text;
  };
  return { readUntil, disconnect: () => controller.abort() };
}

const SLOW = '[[simulate: chunk_delay=100,chunks=25]]';
/** Longer than an emergency stop takes, and no longer than needed to read to its end. */
const SLOW_ENOUGH = '[[simulate: chunk_delay=40,chunks=25]]';
const firstWords = /"content":"[^"]+"/;

for (const provider of PROVIDERS) {
  t.test(`given a client of ${provider} that disconnects in mid-stream`, async (t) => {
    simulator.witness.reset();
    const admitted = await generation.admit(chatPlan(provider));
    const isCounted = provider === 'openai';
    const pace = isCounted ? SLOW : SLOW_ENOUGH;
    const stream = await openStream(admitted, chat(`Tell me about rivers ${pace}`, { stream: true }));
    await stream.readUntil(firstWords);
    stream.disconnect();
    const row = await rowOf(admitted.requestId);
    t.match(row, { status: 'aborted', error_code: 'client_closed_request', attempts: 1 });
    const output = row.output_tokens ?? 0;
    t.ok(output > 0 && (isCounted ? output < 60 : output <= 60), 'what was produced is paid for');
    t.equal(row.usage_source, isCounted ? 'counted' : 'provider');
    if (isCounted) t.ok(isPromptCounted(row.input_tokens), 'the prompt was counted');
    else t.ok((row.input_tokens ?? 0) < 100, 'the provider had said it');
    t.ok(row.cost_nano_usd > 0n);
    await simulator.witness.ended(1);
    t.match(simulator.witness.calls()[0], { complete: !isCounted }, 'it is ended if it can be counted');
  });

  t.test(`given ${provider} failing in mid-stream`, async (t) => {
    const rows = [
      ['cut=8', 'provider_error'],
      ['malformed', 'provider_malformed'],
      ['chunk_delay=5000', 'provider_timeout'],
    ] as const;
    const check = async ([directive, code]: (typeof rows)[number]) => {
      const { requestId, headers } = await generation.admit(chatPlan(provider));
      const body = chat(`Tell me about rivers [[simulate: ${directive}]]`, { stream: true });
      const answer = await request<string>(route, { headers, body });
      t.equal(answer.status, 200, 'it had begun well');
      const events = answer.body.split('\n\n').filter(Boolean);
      const last = JSON.parse((events.at(-1) ?? '').slice(6));
      t.match(last, { error: { problem_code: code, message: String, type: 'server_error' } }, directive);
      t.notMatch(answer.body, /\[DONE\]/, 'it does not look complete');
      const row = await rowOf(requestId);
      t.match(row, { status: 'error', error_code: code, usage_source: 'bound', ...BOUND }, directive);
    };
    await Promise.all(rows.map(check));
  });

  t.test(`given ${provider} answering 429 twice, then well`, async (t) => {
    for (const stream of [false, true]) {
      const { requestId, headers } = await generation.admit(chatPlan(provider));
      const directive = `429x2,retry_after_ms=20,id=${requestId}`;
      const answer = await request(route, {
        headers,
        body: chat(`Rivers [[simulate: ${directive}]]`, { stream }),
      });
      t.equal(answer.status, 200);
      t.match(await rowOf(requestId), { status: 'ok', attempts: 3, usage_source: 'provider' });
    }
  });

  t.test(`given ${provider} failing before it produced anything`, async (t) => {
    const rows = [
      ['status=500', 502, 'provider_error', 3],
      ['status=529', 502, 'provider_error', 3],
      ['status=429,retry_after_ms=60000', 502, 'provider_error', 1],
      ['status=401', 502, 'provider_error', 1],
      ['status=400', 400, 'invalid_request', 1],
    ] as const;
    for (const [directive, status, code, attempts] of rows) {
      for (const stream of [false, true]) {
        const { requestId, headers } = await generation.admit(chatPlan(provider));
        const body = chat(`Rivers [[simulate: ${directive}]]`, { stream });
        const answer = await request<Answer>(route, { headers, body });
        t.equal(answer.status, status, `${directive}, stream ${stream}`);
        t.match(answer.body.error, { problem_code: code, provider, request_id: requestId });
        t.equal(answer.headers.get('x-inkmeter-cost-nano-usd'), '0');
        const row = await rowOf(requestId);
        t.match(row, { ...NOTHING, status: 'error', error_code: code, attempts }, `${directive} ${stream}`);
        if (directive.startsWith('status=429')) t.equal(answer.headers.get('retry-after'), '60');
        if (status === 400) t.equal(answer.body.error.message, 'The request was not understood.');
        else t.notMatch(answer.body.error.message, /simul|Incorrect|overloaded/i, 'no words of the provider');
      }
    }
  });

  t.test(`given ${provider} that may have done billable work, then what was held is charged`, async (t) => {
    const rows = [
      ['malformed', false, 502, 'provider_malformed'],
      ['cut=0', false, 502, 'provider_error'],
      ['cut=0', true, 502, 'provider_error'],
      ['hang', false, 504, 'provider_timeout'],
      ['hang', true, 504, 'provider_timeout'],
    ] as const;
    const check = async ([directive, stream, status, code]: (typeof rows)[number]) => {
      const { requestId, headers } = await generation.admit(chatPlan(provider));
      const body = chat(`Rivers [[simulate: ${directive}]]`, { stream });
      const answer = await request<Answer>(route, { headers, body });
      t.equal(answer.status, status, `${directive}, stream ${stream}`);
      t.match(answer.body.error, { problem_code: code, provider, request_id: requestId });
      const row = await rowOf(requestId);
      t.match(row, { status: 'error', error_code: code, attempts: 1 }, `${directive} ${stream}`);
      t.match(row, { ...BOUND, usage_source: 'bound' });
      t.equal(answer.headers.get('x-inkmeter-cost-nano-usd'), String(BOUND.cost_nano_usd));
    };
    await Promise.all(rows.map(check));
  });
}

t.test('given a client that disconnects before a plain answer, then the answer is charged', async (t) => {
  simulator.witness.reset();
  const { requestId, headers } = await generation.admit(chatPlan());
  const controller = new AbortController();
  const pending = request(route, {
    headers,
    body: chat('Rivers [[simulate: slow=250]]'),
    signal: controller.signal,
  });
  await simulator.witness.arrived(1);
  controller.abort();
  await t.rejects(pending);
  const row = await rowOf(requestId);
  t.match(row, { status: 'aborted', error_code: 'client_closed_request', usage_source: 'provider' });
  const [served] = simulator.witness.calls();
  t.match(served, { complete: true }, 'the provider call was drained');
  t.equal(row.output_tokens, served?.usage.output);
});

t.test('given an emergency stop under a running stream, then it ends within a second', async (t) => {
  const target = 'openai/gpt-4o';
  const admitted = await generation.admit(chatPlan());
  const late = await generation.admit(chatPlan());
  const other = await generation.admit(chatPlan('anthropic'));
  const stream = await openStream(admitted, chat(`Rivers ${SLOW}`, { stream: true }));
  const otherStream = await openStream(other, chat(`Rivers ${SLOW_ENOUGH}`, { stream: true }));
  await stream.readUntil(firstWords);
  await generation.pool.query(`INSERT INTO stop_notices VALUES ($1, 'Back soon.')`, [admitted.requestId]);
  const stop = await ledger.stop({
    id: admitted.requestId,
    kind: 'model',
    target,
    reason: 'test',
    author: ACCOUNT,
  });
  const text = await stream.readUntil(/never/);
  t.match(text, /"problem_code":"emergency_stop"/);
  t.match(text, /Processing is stopped\. Back soon\./, 'its reason reaches those whose call it ends');
  const row = await rowOf(admitted.requestId);
  t.match(row, { status: 'aborted', error_code: 'emergency_stop', usage_source: 'counted' });
  t.ok((row.output_tokens ?? 0) > 0);

  const refused = await request<Answer>(route, { headers: late.headers, body: chat('Rivers') });
  t.equal(refused.status, 503, 'a request admitted before the stop does not begin');
  t.equal(refused.body.error.problem_code, 'emergency_stop');
  t.equal(await generation.holdState(late.requestId), 'closed');
  t.equal((await generation.rows(late.requestId)).length, 0);

  t.match(await otherStream.readUntil(/\[DONE\]/), /\[DONE\]/, 'others go on');
  await ledger.liftStop({ id: stop.id, author: ACCOUNT });
  await untilServed();
  t.pass('lifting it restores service');
});

t.test('given stops of an account, a key and everything, then they cover what they name', async (t) => {
  for (const [kind, target, covered] of [
    ['account', ACCOUNT, true],
    ['account', OTHER_ACCOUNT, false],
    ['key', CALLER.keyId ?? '', true],
    ['provider', 'openai', true],
    ['provider', 'gemini', false],
    ['global', '', true],
  ] as const) {
    const admitted = await generation.admit(chatPlan());
    const stream = await openStream(admitted, chat(`Rivers ${SLOW_ENOUGH}`, { stream: true }));
    await stream.readUntil(firstWords);
    const { id } = await ledger.stop({
      id: admitted.requestId,
      kind,
      target,
      reason: 'test',
      author: ACCOUNT,
    });
    const text = await stream.readUntil(/emergency_stop|\[DONE\]/);
    t.equal(/emergency_stop/.test(text), covered, `${kind} ${target}`);
    await ledger.liftStop({ id, author: ACCOUNT });
    await rowOf(admitted.requestId);
    await untilServed();
  }
});

t.test('given a hold about to expire, then the request ends in time', async (t) => {
  const { requestId, headers } = await generation.admit(chatPlan(), { ttlMs: 3_000 });
  const body = chat('Rivers [[simulate: chunk_delay=100,chunks=100]]', { stream: true });
  const answer = await request<string>(route, { headers, body });
  t.match(answer.body, /"problem_code":"provider_timeout"/);
  const expected = { status: 'error', error_code: 'provider_timeout', usage_source: 'bound', ...BOUND };
  t.match(await rowOf(requestId), expected, 'output may be unread at a deadline');
});

t.test('given a response to be stored, then the client may disconnect', async (t) => {
  for (const provider of ['openai', 'gemini'] as const) {
    for (const stream of [false, true]) {
      simulator.witness.reset();
      const plan = chatPlan(provider);
      const { requestId, headers } = await generation.admit(plan, { storeResponse: true });
      const find = (accountId = ACCOUNT) =>
        request<Answer>(`${url}/internal/results/${requestId}`, {
          headers: generation.sign(`/internal/results/${requestId}`, { caller: { ...CALLER, accountId } }),
        });
      t.match((await find()).body, { state: 'unknown' });
      const controller = new AbortController();
      const pending = request(route, {
        headers,
        body: chat('Rivers [[simulate: slow=150]]', { stream }),
        signal: controller.signal,
      });
      await simulator.witness.arrived(1);
      t.match((await find()).body, { state: 'running' });
      controller.abort();
      await t.rejects(pending);
      const row = await rowOf(requestId);
      t.match(row, { status: 'ok', usage_source: 'provider' }, 'the work went on');
      const { body } = await find();
      t.match(body, { state: 'done', status: 200, headers: { 'x-inkmeter-cost-usd': /^0\.\d{9}$/ } });
      const text = Buffer.from(body.body_base64, 'base64').toString();
      if (stream) t.match(text, /^data: \{[\s\S]*: inkmeter \{[\s\S]*data: \[DONE\]\n\n$/);
      else t.match(JSON.parse(text).choices[0].message.content, /\w/);
      t.match((await find(OTHER_ACCOUNT)).body, { state: 'unknown' }, 'other accounts do not find it');
      const again = await request(route, { headers, body: chat('Rivers') });
      t.equal(again.status, 409, 'and it does not run twice');
    }
  }
});

t.test('given a stored response and a client that stays connected, then both are the same', async (t) => {
  const { requestId, headers } = await generation.admit(chatPlan(), { storeResponse: true });
  const answer = await request<string>(route, { headers, body: chat('Rivers', { stream: true }) });
  const { body } = await request<Answer>(`${url}/internal/results/${requestId}`, {
    headers: generation.sign(`/internal/results/${requestId}`),
  });
  const kept = Buffer.from(body.body_base64, 'base64').toString();
  const withoutState = answer.body.replace(/,"budget_state":"ok"/, '');
  t.equal(kept, withoutState, 'except for the state, which is known after settling');
});

t.test('given a failed call whose response was to be stored, then it can run again', async (t) => {
  const { requestId, headers } = await generation.admit(chatPlan(), { storeResponse: true });
  await request(route, { headers, body: chat('Rivers [[simulate: status=400]]') });
  const { body } = await request(`${url}/internal/results/${requestId}`, {
    headers: generation.sign(`/internal/results/${requestId}`),
  });
  t.strictSame(body, { state: 'unknown' });
});

t.test('given what a provider does not support, then nothing is called or charged', async (t) => {
  simulator.witness.reset();
  const rows: [TestProvider, object, string][] = [
    ['anthropic', { seed: 7 }, 'seed'],
    ['anthropic', { frequency_penalty: 1 }, 'frequency_penalty'],
    ['gemini', { logprobs: true }, 'logprobs'],
    ['openai', { web_search_options: {} }, 'web_search_options'],
  ];
  for (const [provider, more, param] of rows) {
    const { requestId, headers } = await generation.admit(chatPlan(provider));
    const answer = await request<Answer>(route, { headers, body: chat('Rivers', more) });
    t.equal(answer.status, 400);
    t.match(answer.body.error, { code: 'unsupported_parameter', param, type: 'invalid_request_error' });
    t.equal(await generation.holdState(requestId), 'closed');
    t.equal((await generation.rows(requestId)).length, 0);
  }
  t.equal(simulator.witness.totals().all.calls, 0);
});

t.test('given a body that is not JSON, then its hold is closed all the same', async (t) => {
  const { requestId, headers } = await generation.admit(chatPlan());
  const answer = await request(route, {
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{',
  });
  t.equal(answer.status, 400);
  t.equal(await generation.holdState(requestId), 'closed');
});

t.test('given a service that stops, then running requests are ended and charged', async (t) => {
  const admitted = await generation.admit(chatPlan());
  const stream = await openStream(admitted, chat(`Rivers ${SLOW}`, { stream: true }));
  await stream.readUntil(firstWords);
  generation.endRequests();
  t.match(await stream.readUntil(/never/), /"problem_code":"service_unavailable"/);
  const expected = { status: 'aborted', error_code: 'service_unavailable', usage_source: 'counted' };
  t.match(await rowOf(admitted.requestId), expected);
});

t.test('given requests that are not as the gateway sends them, then they are refused', async (t) => {
  const twice = chatPlan();
  const [call] = twice.calls;
  if (call) twice.calls = [call, { ...call, index: 1 }];
  const wrong = await generation.admit(twice);
  t.equal((await request(route, { headers: wrong.headers, body: chat('Rivers') })).status, 400);
  t.equal(await generation.holdState(wrong.requestId), 'closed');
  for (const provider of ['openai', 'anthropic'] as const) {
    const empty = await generation.admit(chatPlan(provider));
    t.equal((await request(route, { headers: empty.headers, body: { model: 'x' } })).status, 400);
    t.equal(await generation.holdState(empty.requestId), 'closed');
  }
  const unknown = await generation.admit({
    ...chatPlan(),
    calls: [{ ...chatPlan().calls[0], provider: 'stability' }],
  } as never);
  t.equal((await request(route, { headers: unknown.headers, body: chat('Rivers') })).status, 502);
  t.equal(await generation.holdState(unknown.requestId), 'closed');
});

t.test('given all of the above, then nothing is held and the ledger is consistent', async (t) => {
  const counters = await generation.counters();
  const { rows } = await generation.pool.query(
    'SELECT sum(cost_nano_usd) AS cost, count(*) AS calls FROM usage_events WHERE account_id = $1',
    [ACCOUNT],
  );
  t.equal(counters.cost?.held, 0n);
  t.equal(counters.cost?.used, BigInt(rows[0].cost));
  t.equal(counters['api.requests']?.used, BigInt(rows[0].calls));
});
