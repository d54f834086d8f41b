import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { z } from 'zod';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { SERVICE_CALLER } from '#libs/clients/internal-client.ts';
import { importCatalogue } from '#libs/contracts/catalogues.ts';
import { putFlag } from '#libs/contracts/flags.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createService } from '#libs/service/create-service.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { registerProxied } from './proxied.ts';

t.test('given a service that reads catalogues as YAML', async (t) => {
  const url = await listenServerOnFreePort(
    t,
    createServer(async (request, response) => {
      const body = await text(request);
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ type: request.headers['content-type'], body }));
    }),
  );
  const runtime = createFakeRuntime();
  const { now } = runtime.clock;
  const app = createService({
    config: toServiceConfig(z.object(serviceVariables(0)).parse({})),
    runtime,
    logger: createLogger({ name: 'test', level: 'silent' }),
    metrics: createMetrics({ service: 'gateway', processMetrics: false }),
    keepRawBody: true,
  });
  app.removeContentTypeParser('text/plain');
  const pool = createServicePool(url);
  t.teardown(() => Promise.all([app.close(), pool.close()]));
  registerProxied(app, [importCatalogue, putFlag], [pool], {
    signer: createContextSigner({ secrets: ['a secret that only tests know of, no one else'], now }),
    now,
    callerOf: () => SERVICE_CALLER,
  });
  const send = (method: 'POST' | 'PUT', path: string, type: string, payload: string) =>
    app.inject({ method, url: path, headers: { 'content-type': type }, payload });

  await t.test('then YAML and JSON arrive there byte by byte', async (t) => {
    for (const [type, body] of [
      ['text/yaml', 'id: "ünï"\n# kept\n'],
      ['application/yaml', 'id: x'],
      ['application/json', '{ "source" : "id: x" }'],
    ] as const) {
      const answer = await send('POST', importCatalogue.path, type, body);
      t.equal(answer.statusCode, 201);
      t.strictSame(answer.json(), { type, body });
    }
  });

  await t.test('then no other route reads YAML, and this one nothing else', async (t) => {
    t.equal((await send('PUT', '/api/admin/flags/ai_inbox', 'text/yaml', 'a: 1')).statusCode, 415);
    t.equal((await send('POST', importCatalogue.path, 'text/plain', 'a: 1')).statusCode, 415);
  });
});
