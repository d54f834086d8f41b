import { createServer } from 'node:http';
import OpenAI from 'openai';
import t from 'tap';
import { problemDefinition, problemTypeUri } from './catalogue.ts';
import {
  asProblem,
  PROBLEMS,
  type ProblemCode,
  ProblemError,
  type ProblemOptions,
  problem,
  toOpenAiError,
  toProblemJson,
} from './problems.ts';

const codes = Object.keys(PROBLEMS) as ProblemCode[];

t.test('defines a valid status, title and detail for every code', async (t) => {
  for (const code of codes) {
    const { status, title, detail } = PROBLEMS[code];
    t.match(code, /^[a-z]+(_[a-z]+)*$/, `${code} is snake_case`);
    t.ok(status >= 400 && status < 600, `${code} has an error status`);
    t.ok(title.length > 3 && !title.endsWith('.'), `${code} has a title`);
    t.match(detail, /^[A-Z].*\.$/, `${code} has a sentence as its detail`);
    t.equal(problemTypeUri(code), `/docs/problems/${code}`);
  }
});

t.test('creates a complete RFC 9457 document', async (t) => {
  const error = problem('limit_exceeded', {
    detail: 'Your monthly cost limit is spent.',
    fields: { limit: { meter: 'cost', used: '9.999000000' }, code: 'forged', status: 200 },
    headers: { 'retry-after': '60' },
    cause: new Error('hidden'),
  });
  t.type(error, ProblemError);
  t.strictSame(error.headers, { 'x-should-retry': 'false', 'retry-after': '60' });
  t.strictSame(toProblemJson(error, 'r1'), {
    type: '/docs/problems/limit_exceeded',
    title: 'Limit exceeded',
    status: 429,
    detail: 'Your monthly cost limit is spent.',
    code: 'limit_exceeded',
    request_id: 'r1',
    limit: { meter: 'cost', used: '9.999000000' },
  });
});

t.test('hides the details of unknown errors', async (t) => {
  const leak = 'Failed query: select * from users where email = $1\nparams: bob@example.com';
  for (const thrown of [new Error(leak), leak, { message: leak }, null, undefined]) {
    t.notMatch(JSON.stringify([toProblemJson(thrown, 'r'), toOpenAiError(thrown, 'r')]), /select|bob|params/);
    t.equal(toProblemJson(thrown, 'r').status, 500);
  }
  const original = new Error(leak);
  t.equal(asProblem(original).cause, original, 'the log still learns the cause');
  const known = problem('not_found', { cause: original });
  t.notMatch(JSON.stringify(toProblemJson(known, 'r')), /select/, 'a cause never shows');
});

t.test('the official SDK maps every problem to its error class', async (t) => {
  // given a server that answers with the problem named by the model
  const options: Record<string, ProblemOptions> = { invalid_request: { fields: { param: 'messages' } } };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { model: ProblemCode };
      const error = problem(model, options[model]);
      response.writeHead(error.status, {
        'content-type': 'application/json',
        'x-request-id': 'r1',
        ...error.headers,
      });
      response.end(JSON.stringify(toOpenAiError(error, 'r1')));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = new OpenAI({
    apiKey: 'ik',
    baseURL: `http://127.0.0.1:${address.port}/v1`,
    maxRetries: 0,
  });
  const call = (model: string) =>
    client.chat.completions.create({ model, messages: [] }).then(
      () => t.fail('must be refused'),
      (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
    );

  // when each is provoked, then it arrives as the class, type and code a client branches on
  const classes: Record<number, unknown> = {
    400: OpenAI.BadRequestError,
    401: OpenAI.AuthenticationError,
    403: OpenAI.PermissionDeniedError,
    404: OpenAI.NotFoundError,
    409: OpenAI.ConflictError,
    422: OpenAI.UnprocessableEntityError,
    429: OpenAI.RateLimitError,
  };
  for (const code of codes) {
    const error = await call(code);
    if (typeof error === 'boolean') continue;
    const { status, openai, detail } = problemDefinition(code);
    const expected = classes[status] ?? (status >= 500 ? OpenAI.InternalServerError : OpenAI.APIError);
    t.ok(error instanceof (expected as typeof OpenAI.APIError), `${code} has its class`);
    t.match(
      error,
      {
        status,
        type: openai.type,
        code: openai.code ?? code,
        requestID: 'r1',
        message: `${status} ${detail}`,
      },
      `${code} has its fields`,
    );
    t.match(error.error, { problem_code: code });
    t.equal(error.param, code === 'invalid_request' ? 'messages' : null);
  }
});

t.test('the SDK does not wait for the reset of an exhausted limit', async (t) => {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls++;
    const error = problem('limit_exceeded', { headers: { 'retry-after': '2000000' } });
    response.writeHead(error.status, { 'content-type': 'application/json', ...error.headers });
    response.end(JSON.stringify(toOpenAiError(error, 'r1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = new OpenAI({ apiKey: 'ik', baseURL: `http://127.0.0.1:${address.port}/v1` });
  await t.rejects(client.chat.completions.create({ model: 'm', messages: [] }), {
    code: 'insufficient_quota',
  });
  t.equal(calls, 1);
});
