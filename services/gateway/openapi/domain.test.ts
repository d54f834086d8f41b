import { globSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { z } from 'zod';
import type { Operation } from '#libs/contracts/operation.ts';
import { TAGS } from './description.ts';
import { ALL_OPERATIONS } from './domain.ts';

const CONTRACTS = path.resolve(import.meta.dirname, '../../../libs/contracts');

const isOperation = (value: unknown): value is Operation =>
  typeof value === 'object' && value !== null && 'operationId' in value && 'responses' in value;

/** Every operation that a contract exports, found independently of the list under test. */
async function declaredOperations(): Promise<Operation[]> {
  const files = globSync('*.ts', { cwd: CONTRACTS, exclude: ['*.test.ts'] });
  const modules = await Promise.all(
    files.map((file) => import(pathToFileURL(path.join(CONTRACTS, file)).href) as Promise<object>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isOperation));
}

t.test('no contract is forgotten', async (t) => {
  const declared = await declaredOperations();
  t.ok(declared.length > 20, `found ${declared.length}`);
  const listed = new Set(ALL_OPERATIONS);
  t.strictSame(
    declared.filter((operation) => !listed.has(operation)).map(({ operationId }) => operationId),
    [],
  );
});

t.test('operations have names and places of their own', async (t) => {
  t.equal(new Set(ALL_OPERATIONS.map(({ operationId }) => operationId)).size, ALL_OPERATIONS.length);
  const places = ALL_OPERATIONS.map(
    ({ method, path: url }) => `${method} ${url.replaceAll(/\{\w+\}/g, '{}')}`,
  );
  t.equal(new Set(places).size, ALL_OPERATIONS.length);
});

t.test('every operation describes its path, its tags and its answers', async (t) => {
  const known = new Set<string>(TAGS.map(({ name }) => name));
  for (const { operationId, path: url, params, tags, responses, auth } of ALL_OPERATIONS) {
    const names = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    t.strictSame(Object.keys(params?.shape ?? {}), names, `${operationId}: path parameters`);
    t.ok(tags.length > 0 && tags.every((tag) => known.has(tag)), `${operationId}: tags`);
    t.ok(
      Object.values(responses).every(({ description }) => description !== ''),
      `${operationId}: descriptions`,
    );
    t.ok(auth === 'none' || responses[401] !== undefined, `${operationId}: refuses unauthenticated requests`);
  }
});

/** Fields of the JSON object that an operation answers with. */
function fieldsOf(operation: Operation, status: number): ReadonlyMap<string, z.ZodType> {
  const response = operation.responses[status];
  const isJson = (response?.contentType ?? 'application/json') === 'application/json';
  return new Map(
    isJson && response?.schema instanceof z.ZodObject ? Object.entries(response.schema.shape) : [],
  );
}

t.test(
  'own routes answer with the object itself or with a page, and only /api/subscription wraps it',
  async (t) => {
    for (const operation of ALL_OPERATIONS.filter(({ path: url }) => url.startsWith('/api/'))) {
      for (const status of [200, 201, 202]) {
        const fields = fieldsOf(operation, status);
        const isWrapped = operation.path.startsWith('/api/subscription/');
        const name = `${operation.operationId} ${status}`;
        t.equal(fields.has('success'), isWrapped && fields.size > 0, `${name}: success`);
        const isList = fields.get('data') instanceof z.ZodArray;
        if (isList || (fields.has('data') && !isWrapped)) {
          t.ok(isList && fields.has('next_cursor'), `${name}: lists have data and next_cursor`);
        }
        t.equal(fields.has('next_cursor'), isList, `${name}: only lists have next_cursor`);
      }
    }
  },
);

t.test('every body has an example, and every example is what its schema says', async (t) => {
  for (const { operationId, body, bodyExample, responses } of ALL_OPERATIONS) {
    if (body !== undefined) t.strictSame(body.safeParse(bodyExample).error?.issues, undefined, operationId);
    for (const [status, { schema, example, examples }] of Object.entries(responses)) {
      if (schema === undefined) continue;
      for (const value of examples === undefined ? [example] : Object.values(examples)) {
        t.strictSame(schema.safeParse(value).error?.issues, undefined, `${operationId} ${status}`);
      }
    }
  }
});
