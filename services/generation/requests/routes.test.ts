/** Requests of every kind: who may send them, what is logged and counted, and how they end. */
import t from 'tap';
import { createInternalIdentity } from '#libs/auth/internal-identity.ts';
import { GENERATION_PATHS, GENERATION_REQUEST_TYPE } from '#libs/contracts/generation-requests.ts';
import { INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { request } from '#libs/testing/http.ts';
import { ACCOUNT, CALLER, chatPlan, createTestGeneration } from '../fixtures.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

const { newId, clock } = systemRuntime;
const chat = (content: string) => ({ model: 'gpt-4o', messages: [{ role: 'user', content }] });

t.test('given a caller that is not a service, then it is refused', async (t) => {
  const { url } = await createTestGeneration(t);
  const forger = createInternalIdentity({
    service: 'gateway',
    keys: [
      { sender: 'gateway', receiver: 'generation', secret: 'a secret that no service of this test has' },
    ],
    now: clock.now,
  });
  const forge = forger.signFor('generation');
  const headers = { 'content-type': GENERATION_REQUEST_TYPE };
  for (const path of Object.values(GENERATION_PATHS)) {
    const body = '{}\n{}';
    t.equal((await request(`${url}${path}`, { headers, body })).status, 401, 'unsigned');
    const forged = { ...headers, [INTERNAL_CONTEXT_HEADER]: forge({ method: 'POST', path }) };
    t.equal((await request(`${url}${path}`, { headers: forged, body })).status, 401, 'forged');
  }
  t.equal((await request(`${url}/v1/chat/completions`, { body: chat('Rivers') })).status, 401);
});

t.test('given a service that sends no valid request, then it gets a problem', async (t) => {
  const { url, sign } = await createTestGeneration(t);
  const requestId = newId();
  const send = (body: string, type = GENERATION_REQUEST_TYPE) =>
    request<Answer>(`${url}${GENERATION_PATHS.chat}`, {
      headers: {
        'content-type': type,
        'x-request-id': requestId,
        ...sign(GENERATION_PATHS.chat, { method: 'POST' }),
      },
      body,
    });
  t.match(await send('{"no":"line feed"}'), { status: 400, body: { code: 'malformed_json' } });
  t.match(await send('{\n{}'), { status: 400, body: { code: 'malformed_json' } });
  const head = { requestId, caller: CALLER, plan: { ...chatPlan(), kind: 'image' } };
  t.match(await send(`${JSON.stringify(head)}\n{}`), { status: 400, body: { code: 'invalid_request' } });
  const other = { requestId: newId(), caller: CALLER, plan: chatPlan() };
  t.match(await send(`${JSON.stringify(other)}\n{}`), { status: 400, body: { code: 'invalid_request' } });
  t.match(await send('{}', 'application/xml'), { status: 415 });
});

t.test('given requests with every ending, then each is logged once and counted', async (t) => {
  const generation = await createTestGeneration(t);
  const ask = async (body: unknown, plan = chatPlan()) => {
    const { requestId, headers } = await generation.admit(plan);
    const answer = await request<Answer>(generation.workUrl, { headers, body });
    return { requestId, answer };
  };
  const lineOf = (requestId: string) =>
    generation.lines.filter(({ msg, request_id }) => msg === 'request completed' && request_id === requestId);

  const served = await ask(chat('Rivers'));
  t.match(lineOf(served.requestId), [
    { method: 'POST', route: '/internal/v1/chat', status: 200, account: ACCOUNT, problem: undefined },
  ]);
  const refused = await ask({ model: 'gpt-4o' });
  t.match(lineOf(refused.requestId), [{ status: 400, problem: 'invalid_request' }]);
  const failed = await ask(chat('Rivers [[simulate: status=401]]'));
  t.match(failed.answer, { status: 502, body: { error: { request_id: failed.requestId } } });
  t.match(lineOf(failed.requestId), [{ status: 502, problem: 'provider_error' }]);
  t.match(
    generation.lines.filter(({ level, request_id }) => level === 'error' && request_id === failed.requestId),
    [{ msg: 'request failed', err: Object }],
  );

  const left = await generation.admit(chatPlan());
  const controller = new AbortController();
  const body = chat('Rivers [[simulate: slow=5000]]');
  const pending = request(generation.workUrl, { headers: left.headers, body, signal: controller.signal });
  await generation.simulator.witness.arrived(3);
  controller.abort();
  await t.rejects(pending);
  t.equal(await generation.holdState(left.requestId), 'closed');
  await generation.logged(() => lineOf(left.requestId).length > 0);
  t.match(lineOf(left.requestId), [{ status: 499, problem: 'client_closed_request' }]);

  const metrics = await generation.metrics.registry.metrics();
  t.match(
    metrics,
    /duration_seconds_count\{.*method="POST".*route="\/internal\/v1\/chat".*status="2xx".*\} 1/,
  );
  t.match(
    metrics,
    /duration_seconds_count\{.*method="POST".*route="\/internal\/v1\/chat".*status="4xx".*\} 2/,
  );
  t.match(metrics, /refusals_total\{code="provider_error".*\} 1/);
});

t.test('given a service that is stopped, then running requests complete', async (t) => {
  const generation = await createTestGeneration(t);
  const { requestId, headers } = await generation.admit(chatPlan());
  const body = chat('Rivers [[simulate: slow=300]]');
  const pending = request<Answer>(generation.workUrl, { headers, body });
  await generation.simulator.witness.arrived(1);
  const closed = generation.app.close();
  t.match(await pending, { status: 200, body: { choices: [{}] } });
  t.equal(await generation.holdState(requestId), 'closed');
  await closed;
});

t.test('given an overloaded service, then requests are refused and their holds released', async (t) => {
  const generation = await createTestGeneration(t, { EVENT_LOOP_DELAY_LIMIT: '1ms' });
  const busy = setInterval(() => {
    const until = performance.now() + 40;
    while (performance.now() < until);
  }, 45);
  t.teardown(() => clearInterval(busy));
  let status = 200;
  let requestId = '';
  for (let attempt = 0; attempt < 40 && status === 200; attempt += 1) {
    const admitted = await generation.admit(chatPlan());
    requestId = admitted.requestId;
    const answer = await request<Answer>(generation.workUrl, {
      headers: admitted.headers,
      body: chat('Rivers'),
    });
    status = answer.status;
    if (status !== 200) t.match(answer.body, { error: { problem_code: 'overloaded' } });
  }
  t.equal(status, 503);
  t.equal(await generation.holdState(requestId), 'closed');
  t.strictSame(await generation.rows(requestId), [], 'nothing was called');
});
