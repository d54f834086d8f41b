import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { CallTrace } from './domain/provider-adapter.ts';
import { exchange } from './exchange.ts';
import { startTimeLimit } from './time-limit.ts';

t.test('given one connection and two calls, only the one that was sent is with the provider', async (t) => {
  let arrived: (() => void) | undefined;
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const origin = await listenServerOnFreePort(
    t,
    createServer(() => arrived?.()),
  );
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  t.teardown(() => dispatcher.destroy());
  const controller = new AbortController();
  const call = () => {
    const trace: CallTrace = {
      requestBytes: 2,
      providerRequestId: null,
      serviceTier: null,
      isInFlight: true,
    };
    const limit = startTimeLimit(controller.signal, { timeoutMs: 60_000 });
    const request = { origin, path: '/', headers: [], body: '{}', requestIdHeader: 'x-request-id' };
    const reader = { onData: () => undefined, maxBytes: 1_000 };
    const done = exchange(dispatcher, request, limit, trace, reader).finally(limit.release);
    return { trace, done };
  };
  const sent = call();
  await arrival;
  const waiting = call();
  t.equal(sent.trace.isInFlight, true);
  t.equal(waiting.trace.isInFlight, false, 'it waits for the connection');
  controller.abort();
  for (const { done } of [sent, waiting]) {
    t.match(await done.catch((error: unknown) => error), { kind: 'cancelled' });
  }
  t.equal(waiting.trace.isInFlight, false, 'and is never sent');
});
