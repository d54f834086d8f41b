import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Operation } from '#libs/contracts/operation.ts';
import { buildOpenApiDocument } from './document.ts';
import { DOCUMENTED_OPERATIONS } from './documented-operations.ts';
import { OPERATIONS } from './domain.ts';

type Schema = { [key: string]: unknown };
type Media = { schema: Schema; example?: unknown; examples?: Record<string, Schema> };
type Answer = { $ref?: string; headers?: Record<string, unknown>; content?: Record<string, Media> };
type OperationObject = {
  security: Record<string, string[]>[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, OperationObject>>;
  components: Record<
    'schemas' | 'responses' | 'examples' | 'headers' | 'securitySchemes',
    Record<string, Schema>
  >;
};

/** Metered operations that answer with one document only. */
const UNSTREAMED: ReadonlySet<string> = new Set([
  'generateImages',
  'createImage',
  'createEmbeddings',
  'createModeration',
  'searchWeb',
  'generateContentOfModel',
  'embedContent',
  'batchEmbedContents',
  'createTranscription',
  'createSpeech',
]);

/** The number of results of a search, and the JSON of a seed. */
const OTHER_LIMITS: ReadonlySet<string> = new Set(['SearchRequest', 'PlanInfo', 'ImageUsage']);
/** By the HTTP parser, on every path in the shape of RFC 9457. */
const REFUSED_BEFORE_ROUTES: ReadonlySet<string> = new Set(['408', '431']);

/** POST operations that create and charge nothing, by the reason. All others take an `Idempotency-Key`. */
const REPEATABLE: Readonly<Record<string, readonly string[]>> = {
  'reads or computes, and stores nothing': [
    'previewPublication',
    'previewPrices',
    'previewPrompt',
    'checkOperations',
    'checkIntegration',
    'countMessageTokens',
    'countContentTokens',
    'countResponseTokens',
  ],
  'sets a state, which a repeat leaves as it is': [
    'pauseAutopilot',
    'resumeAutopilot',
    'cancelGeneration',
    'recordSocialPostResults',
    'markAlertRead',
  ],
  'starts, continues or ends a session; one that is not used expires': ['login', 'refresh', 'logout'],
  'takes a token that works once': ['verifyEmail', 'confirmPasswordReset'],
  'sends a mail, at most five a day to a mailbox': ['resendVerification', 'requestPasswordReset'],
  'takes events by the id that Stripe gives them': ['receiveStripeEvent'],
};

/** Lists that have one page, by the reason. */
const UNPAGED: Readonly<Record<string, readonly string[]>> = {
  'at most one entry for each vendor or service': ['listIntegrations', 'listPublications'],
  'the best results of a search, up to `limit`': ['searchKbPassages', 'searchContacts'],
  'as long as a user or a customer of Stripe makes it': ['listMyAccounts', 'listPaymentMethods'],
};

const text = await buildOpenApiDocument();
const document = parse(text) as Document;

const objectOf = (operationId: string): OperationObject => {
  const operation = DOCUMENTED_OPERATIONS.find((one) => one.operationId === operationId);
  const object = document.paths[operation?.path ?? '']?.[operation?.method.toLowerCase() ?? ''];
  if (object === undefined) throw new Error(`${operationId} is not in the document`);
  return object;
};

/** The target of a reference. */
const resolve = (ref: string): unknown =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);

/** Every reference in a value, in order of appearance. */
const references = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');

t.test('the same contracts give the same text', async (t) => {
  t.equal(await buildOpenApiDocument(), text);
  t.equal(document.openapi, '3.1.0');
});

t.test('every operation is there, and nothing else', async (t) => {
  const described = Object.values(document.paths).flatMap((path) => Object.values(path));
  t.equal(described.length, DOCUMENTED_OPERATIONS.length);
});

t.test('every reference leads somewhere, and every schema is referred to', async (t) => {
  const used = new Set(references(document));
  t.ok(used.size > 20);
  t.strictSame(
    [...used].filter((ref) => resolve(ref) === undefined),
    [],
  );
  t.strictSame(
    Object.keys(document.components.schemas).filter((name) => !used.has(`#/components/schemas/${name}`)),
    [],
  );
});

t.test('answers may gain fields, requests may not', async (t) => {
  const { schemas, responses } = document.components;
  t.equal(schemas.RegisterRequest?.additionalProperties, false, 'the name of a request has no suffix');
  t.equal(schemas.TokenPair?.additionalProperties, undefined);
  t.notMatch(JSON.stringify(schemas.KeyLimit), /"additionalProperties":false/);
  t.match(JSON.stringify(schemas.NewKeyLimit), /"additionalProperties":false/);
  for (const { operationId } of DOCUMENTED_OPERATIONS) {
    t.notMatch(JSON.stringify(objectOf(operationId).responses), /"additionalProperties":false/, operationId);
  }
  t.notMatch(JSON.stringify(responses), /"additionalProperties":false/);
});

t.test('every POST that creates or charges takes an Idempotency-Key', async (t) => {
  const posts = DOCUMENTED_OPERATIONS.filter(({ method }) => method === 'POST');
  const without = posts.filter(({ headers }) => headers?.shape['idempotency-key'] === undefined);
  t.strictSame(without.map(({ operationId }) => operationId).sort(), Object.values(REPEATABLE).flat().sort());
});

t.test('every list is paged', async (t) => {
  const unpaged = DOCUMENTED_OPERATIONS.filter((operation: Operation) => {
    const { schema } = operation.responses[200] ?? {};
    const isList = schema instanceof z.ZodObject && 'next_cursor' in schema.shape;
    const query = operation.querystring?.shape ?? {};
    return operation.method === 'GET' && isList && !('limit' in query && 'cursor' in query);
  });
  t.strictSame(unpaged.map(({ operationId }) => operationId).sort(), Object.values(UNPAGED).flat().sort());
});

t.test('who may call is said as it is checked', async (t) => {
  t.strictSame(objectOf('login').security, []);
  t.strictSame(objectOf('listPrices').security, [{ accessToken: [] }]);
  t.strictSame(objectOf('getUsage').security, [
    { accessToken: [] },
    { apiKey: ['usage:read'] },
    { apiKeyHeader: ['usage:read'] },
  ]);
  t.strictSame(objectOf('updateMe').security.at(1), { apiKey: ['*'] }, 'no scope is enough but all');
  t.strictSame(objectOf('getMe').security.at(1), { apiKey: [] });
});

t.test('every answer has its request id, and metered ones their figures', async (t) => {
  for (const { operationId } of DOCUMENTED_OPERATIONS) {
    for (const [status, answer] of Object.entries(objectOf(operationId).responses)) {
      const { headers } = (answer.$ref === undefined ? answer : resolve(answer.$ref)) as Answer;
      t.ok(headers?.['x-request-id'], `${operationId} ${status}`);
    }
  }
  for (const { operationId } of OPERATIONS.metered) {
    const { '200': ok, '429': refused } = objectOf(operationId).responses;
    // A job is accepted at once, and its calls cost later.
    if (ok === undefined) continue;
    t.match(ok.headers, { 'x-inkmeter-cost-usd': {}, 'x-inkmeter-budget-state': {}, ratelimit: {} });
    t.match(resolve(refused?.$ref ?? ''), {
      headers: { 'retry-after': {}, 'x-should-retry': {}, ratelimit: {} },
    });
    if (!UNSTREAMED.has(operationId)) {
      t.match(ok.content?.['text/event-stream'], { schema: { type: 'string' }, example: /^(event|data): / });
    }
  }
});

t.test('errors are shared, in the format of their routes', async (t) => {
  for (const contract of DOCUMENTED_OPERATIONS) {
    const { operationId, path } = contract;
    for (const [status, answer] of Object.entries(objectOf(operationId).responses)) {
      if (Number(status) < 400) continue;
      const { content } = resolve(answer.$ref ?? '') as Answer;
      const isOfVendor = /^\/v1(?:beta)?\//.test(path) && !REFUSED_BEFORE_ROUTES.has(status);
      const type = isOfVendor ? 'application/json' : 'application/problem+json';
      t.strictSame(Object.keys(content ?? {}), [type], `${operationId} ${status}`);
      const codes = Object.keys(content?.[type]?.examples ?? {});
      t.strictSame(
        codes,
        (contract as Operation).responses[Number(status)]?.problems,
        `${operationId} ${status}`,
      );
    }
  }
});

t.test('a limit has one shape wherever it is answered', async (t) => {
  const target = (schema: Schema): Schema =>
    typeof schema.$ref === 'string' ? target(resolve(schema.$ref) as Schema) : schema;
  const found: string[] = [];
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return;
    const { limit } = ((value as Schema).properties ?? {}) as Record<string, Schema>;
    if (limit !== undefined && !OTHER_LIMITS.has(path.split('.')[0] ?? '')) {
      const [option] = (limit.anyOf as Schema[] | undefined) ?? [limit];
      const fields = target(option ?? limit).properties as Record<string, Schema> | undefined;
      const names = ['meter', 'label', 'unit', 'window', 'amount', 'text'];
      t.strictSame(
        names.filter((name) => fields?.[name] === undefined),
        [],
        path,
      );
      t.strictSame(fields?.amount, { $ref: '#/components/schemas/LimitAmount' }, path);
      found.push(path);
    }
    for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) visit(schema, name);
  for (const [url, item] of Object.entries(document.paths))
    for (const { responses } of Object.values(item)) visit(responses, url);
  t.ok(found.length > 5, found.join(', '));
});

t.test('an answer without a body has none', async (t) => {
  t.equal(objectOf('logout').responses['204']?.content, undefined);
});
