import t from 'tap';
import { KB_OPERATIONS } from '#libs/contracts/knowledge-base.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { SOCIAL_OPERATIONS } from '#libs/contracts/social-operations.ts';
import { request } from '#libs/testing/http.ts';
import { createTestSocial, SOME_ID } from './social.fixture.ts';

const operations: readonly Operation[] = [...SOCIAL_OPERATIONS, ...KB_OPERATIONS];
const methodOf = ({ method }: Operation) => method as 'GET' | 'POST' | 'DELETE';
const urlOf = ({ path }: Operation, id = SOME_ID) => path.replace('{id}', encodeURIComponent(id));
const JSON_TYPE = { 'content-type': 'application/json' };

t.test('given no caller, every operation refuses, even an invalid body', async (t) => {
  const social = await createTestSocial(t);
  for (const operation of operations) {
    const answer = await social.call(methodOf(operation), urlOf(operation), {
      as: null,
      ...(operation.body && { body: '{' }),
    });
    t.match(answer, { status: 401, body: { code: 'unauthenticated' } }, operation.operationId);
  }
});

t.test('given an unknown or invalid id, nothing is found', async (t) => {
  const social = await createTestSocial(t);
  for (const operation of operations.filter(({ params }) => params !== undefined)) {
    const body = operation.body && (operation.bodyExample as object);
    const missing = await social.call(methodOf(operation), urlOf(operation), { body });
    t.match(missing, { status: 404, body: { code: 'not_found' } }, operation.operationId);
    for (const id of ['1', `' or '1'='1`, 'x'.repeat(90)]) {
      const answer = await social.call(methodOf(operation), urlOf(operation, id), { body });
      t.match(answer, { status: 400, body: { code: 'invalid_request' } }, `${operation.operationId} ${id}`);
    }
  }
});

t.test(
  'given bodies that are malformed, of the wrong type or too large, each gets its own problem',
  async (t) => {
    const social = await createTestSocial(t, { variables: { BODY_LIMIT: '4kb' } });
    for (const { operationId, path, bodyExample } of operations.filter(({ body }) => body !== undefined)) {
      const target = path.replace('{id}', SOME_ID);
      const send = (body: string, headers: Record<string, string> = JSON_TYPE) =>
        request<{ code: string }>(`${social.url}${target}`, {
          method: 'POST',
          body,
          headers: { ...headers, ...social.sign('POST', target) },
        });
      t.match(await send('{"text": '), { status: 400, body: { code: 'malformed_json' } }, operationId);
      t.match(await send('[]'), { status: 400, body: { code: 'invalid_request' } }, operationId);
      t.match(await send('{"__proto__": {"x": 1}}'), { status: 400 }, operationId);
      // Files have a limit of their own (knowledge-base/routes.test.ts).
      if (operationId !== 'addKbFile') {
        t.match(await send(`{"text": "${'x'.repeat(5_000)}"}`), {
          status: 413,
          body: { code: 'body_too_large' },
        });
      }
      const json = JSON.stringify(bodyExample);
      t.match(await send(json, { 'content-type': 'text/csv' }), { status: 415 }, operationId);
      t.match(
        await send(JSON.stringify({ ...(bodyExample as object), surplus: 1 })),
        { status: 400 },
        operationId,
      );
    }
  },
);

t.test('given lists, invalid pages are refused', async (t) => {
  const social = await createTestSocial(t);
  for (const { path } of operations.filter(
    ({ querystring }) => querystring && 'cursor' in querystring.shape,
  )) {
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'cursor=1', `cursor=${SOME_ID}x`]) {
      t.match(await social.call('GET', `${path}?${query}`), {
        status: 400,
        body: { code: 'invalid_request' },
      });
    }
    t.match(await social.call('GET', `${path}?limit=1&cursor=${SOME_ID}`), {
      status: 200,
      body: { data: [], next_cursor: null },
    });
  }
});
