import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import t from 'tap';
import { parse } from 'yaml';
import { getApiKey } from '#libs/contracts/api-keys.ts';
import type { Operation, OperationResponse } from '#libs/contracts/operation.ts';
import { getOpenApiJson, getOpenApiYaml } from '#libs/contracts/service-operations.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { CLIENT_PROGRAM, type ClientReport, generateClient } from '#libs/testing/generated-client.fixture.ts';
import { listenOnFreePort, request } from '#libs/testing/http.ts';
import { openApiRoutes } from '../docs/openapi-routes.ts';
import { ALL_OPERATIONS } from './domain.ts';

const FIGURES = {
  'x-request-id': '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  'x-inkmeter-cost-usd': '0.000500400',
};

const MISTAKES: [what: string, line: string][] = [
  ['a path that is not there', `await client.GET('/api/mee');`],
  ['a method that is not there', `await client.DELETE('/api/me');`],
  ['a body without a field', `await client.POST('/api/auth/login', { body: { email: '' } });`],
  ['a value out of the list', `await client.POST('/api/api-keys', { body: { name: '', scopes: ['all'] } });`],
  ['no path parameter', `await client.GET('/api/usage/requests/{request_id}');`],
  ['a field that no answer has', `(await client.GET('/api/me')).data?.emails;`],
  [
    'a field of another problem',
    `const { error } = await client.GET('/api/me'); if (error?.code === 'token_expired') error.policy;`,
  ],
  [
    'money as a number',
    `(await client.GET('/api/subscription/usage')).data?.data.breakdown.total.cost_usd.toFixed();`,
  ],
];

/** A server that answers every operation with its example. */
function createExampleServer() {
  const app = Fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  openApiRoutes(app);
  const served: readonly Operation[] = [getOpenApiJson, getOpenApiYaml];
  for (const operation of ALL_OPERATIONS.filter((one) => !served.includes(one))) {
    const [status, example] = operation === getApiKey ? answerOf(operation, 404) : answerOf(operation);
    serveOperation(app, operation, async (asked, reply) => {
      reply.code(status).headers(FIGURES);
      if (example.eventStreamExample !== undefined && asked.headers.accept === 'text/event-stream') {
        return reply.type('text/event-stream').send(example.eventStreamExample);
      }
      if (example.schema === undefined) return reply.send();
      const body = example.example ?? Object.values(example.examples ?? {})[0];
      return reply.type(example.contentType ?? 'application/json').send(JSON.stringify(body));
    });
  }
  return app;
}

function answerOf({ operationId, responses }: Operation, wanted?: number): [number, OperationResponse] {
  const status = wanted ?? Math.min(...Object.keys(responses).map(Number));
  const response = responses[status];
  if (response === undefined) throw new Error(`${operationId} has no answer ${status}`);
  return [status, response];
}

t.test('a client generated from the document', async (t) => {
  // given the types that openapi-typescript makes of openapi.yaml
  const client = await generateClient(t);

  // when a program uses the API as documented, then it compiles and runs
  t.strictSame(await client.check(CLIENT_PROGRAM), []);
  const baseUrl = await listenOnFreePort(t, createExampleServer());
  const report = await client.run(CLIENT_PROGRAM, { BASE_URL: baseUrl, EMAIL: 'ada@example.com' });
  t.strictSame(report, {
    role: 'owner',
    keyPrefix: 'ik_live_7Hq2Xc',
    models: ['gpt-4o-mini'],
    content: 'Writing letters, sketching, and signing contracts.',
    costUsd: '0.000500400',
    streamEnd: 'data: [DONE]',
    status: 'ok',
    decision: 'ok',
    problem: 'not_found',
  } satisfies ClientReport);

  // when each line of a program misuses the API, then the compiler reports every line
  const complaints = await client.check(
    [
      "import createClient from 'openapi-fetch'; import type { paths } from './api.ts'; const client = createClient<paths>();",
      ...MISTAKES.map(([, mistake]) => mistake),
    ].join('\n'),
  );
  const lines = new Set(complaints.map((complaint) => Number.parseInt(complaint, 10)));
  for (const [index, [what]] of MISTAKES.entries()) t.ok(lines.has(index + 2), what, { complaints });
  t.equal(lines.size, MISTAKES.length, 'and of nothing else');
});

t.test('the document is served as it is published', async (t) => {
  const baseUrl = await listenOnFreePort(t, createExampleServer());
  const published = readFileSync('openapi.yaml', 'utf8');

  const yaml = await request(`${baseUrl}/openapi.yaml`);
  t.equal(yaml.headers.get('content-type'), 'application/yaml; charset=utf-8');
  t.equal(yaml.body, published);

  const json = await request(`${baseUrl}/openapi.json`);
  t.match(json.headers.get('content-type'), 'application/json');
  t.strictSame(json.body, parse(published));
});
