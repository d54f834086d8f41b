import t from 'tap';
import type { Operation } from './operation.ts';
import { priceOperations } from './prices.ts';
import { stopOperations } from './stops.ts';
import { usageOperations } from './usage.ts';

const operations: Operation[] = [...usageOperations, ...priceOperations, ...stopOperations];

t.test('every example is what its schema says', async (t) => {
  for (const { operationId, body, bodyExample, responses } of operations) {
    if (body !== undefined) t.ok(body.safeParse(bodyExample).success, `${operationId}: body`);
    for (const [status, { schema, example, description }] of Object.entries(responses)) {
      t.ok(description, `${operationId} ${status} is described`);
      if (schema === undefined) continue;
      const result = schema.safeParse(example);
      t.strictSame(result.success ? [] : result.error.issues, [], `${operationId} ${status}`);
    }
  }
});

t.test('operations have names and places of their own, and describe their path parameters', async (t) => {
  t.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  t.equal(new Set(operations.map(({ method, path }) => `${method} ${path}`)).size, operations.length);
  for (const { path, params } of operations) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    t.strictSame(Object.keys(params?.shape ?? {}), names, path);
  }
});
