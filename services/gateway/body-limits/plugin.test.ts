/** Twenty bodies of 6 MB at once are all served, and never more of them are in memory than the budget allows. */
import Fastify from 'fastify';
import t from 'tap';
import { MEDIA_BODY_LIMIT } from '#libs/service/serve-operation.ts';
import { bodyLimitsPlugin } from './plugin.ts';

const MEGABYTE = 1024 * 1024;
const BUDGET = 16 * MEGABYTE;
const BODIES = 20;

const app = Fastify({ forceCloseConnections: true });
t.teardown(() => app.close());
await app.register(bodyLimitsPlugin, { budgetBytes: BUDGET, uploadBudgetBytes: BUDGET });
let inMemory = 0;
let most = 0;
app.post('/', { bodyLimit: MEDIA_BODY_LIMIT, config: { takesMedia: true } }, async (request, reply) => {
  const { length } = (request.body as { image: string }).image;
  inMemory += length;
  most = Math.max(most, inMemory);
  reply.raw.once('close', () => {
    inMemory -= length;
  });
  return { length };
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });

t.test('given twenty bodies of 6 MB at once, then each is served within the budget', async (t) => {
  const body = JSON.stringify({ image: 'A'.repeat(6 * MEGABYTE) });
  const headers = { 'content-type': 'application/json' };
  const statuses = await Promise.all(
    Array.from({ length: BODIES }, async () => {
      const answer = await fetch(url, { method: 'POST', headers, body });
      await answer.text();
      return answer.status;
    }),
  );
  t.strictSame(statuses, Array(BODIES).fill(200));
  t.ok(most >= 6 * MEGABYTE && most <= BUDGET, `${most} bytes at a time`);
});
