/**
 * One of the two hops of a gateway without authentication, limits and prices: it forwards a request and its response over
 * HTTP. With a database, the outer hop waits for a durable row before it forwards the request, and the inner hop before it
 * forwards the response.
 * Arguments: `outer` or `inner`, port to listen on, port of the next hop, the database, an account.
 *
 * The rows are as narrow as possible, with one shared counter; with an account, they are those of the ledger
 * (`lean-ledger.ts`). Statements are batched like those of the ledger. This cost is a lower bound for any two processes that
 * keep exact balances.
 */
import { randomUUIDv7 } from 'node:crypto';
import Fastify from 'fastify';
import type { Pool } from 'pg';
import { Pool as HttpPool } from 'undici';
import { createPool } from '#libs/db/pool.ts';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';
import { createLeanLedger, leanConnection } from '../lean-ledger.ts';

const [role, port, nextPort, databaseUrl, accountId] = process.argv.slice(2);
const next = `http://127.0.0.1:${nextPort}`;
const address = { port: Number(port), host: '127.0.0.1' };

const PATH = '/v1/chat/completions';
const JSON_HEADERS = { 'content-type': 'application/json' };
/** Carries the id of the outer hop's row. */
const ID_HEADER = 'x-bench-id';
const WRITE = `WITH counted AS (UPDATE bench_counter SET n = n + cardinality($1::uuid[]))
  INSERT INTO bench_rows SELECT unnest($1::uuid[])`;

/** What a hop writes: the outer one for a request, the inner one for an answer, by the id of the outer's row. */
type Writer = { request: () => Promise<string>; answer: (id: string) => Promise<void> };

function createNarrowWriter(database: Pool): Writer {
  const rows = createGroupCommit<string, void>({
    run: async (ids) => {
      await database.query({ name: 'write', text: WRITE, values: [`{${ids.join(',')}}`] });
      return ids.map(() => undefined);
    },
    key: (id) => id,
    maxBatch: 128,
    maxWaiting: 10_000,
  });
  const write = () => rows.submit(randomUUIDv7());
  return {
    async request() {
      await write();
      return '';
    },
    answer: write,
  };
}

function createWriter(): Writer {
  if (databaseUrl === undefined) return { request: async () => '', answer: async () => {} };
  const database = createPool({
    connectionString: accountId === undefined ? databaseUrl : leanConnection(databaseUrl),
    max: 1,
    applicationName: 'bench-hop',
    statementTimeoutMs: 60_000,
  });
  if (accountId === undefined) return createNarrowWriter(database);
  const leanLedger = createLeanLedger(database);
  return { request: () => leanLedger.hold(accountId), answer: (id) => leanLedger.settle(accountId, id) };
}

const writer = createWriter();

/** `before` runs between the request and the next hop, `after` between the next hop's answer and ours. */
async function startHop(hop: {
  before: (id: string) => Promise<string>;
  after: (id: string) => Promise<void>;
}): Promise<void> {
  const nextHop = new HttpPool(next, { connections: 256, pipelining: 1 });
  const app = Fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post(PATH, async (request, reply) => {
    reply.hijack();
    const id = await hop.before(String(request.headers[ID_HEADER] ?? ''));
    const { statusCode, parts } = await exchange(nextHop, id, request.body as Buffer);
    await hop.after(id);
    reply.raw.writeHead(statusCode, JSON_HEADERS).end(Buffer.concat(parts));
  });
  await app.listen(address);
}

function exchange(
  pool: HttpPool,
  id: string,
  body: Buffer,
): Promise<{ statusCode: number; parts: Buffer[] }> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let statusCode = 0;
    pool.dispatch(
      { method: 'POST', path: PATH, headers: { ...JSON_HEADERS, [ID_HEADER]: id }, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          statusCode = status;
        },
        onResponseData(_controller, part) {
          parts.push(part);
        },
        onResponseEnd: () => resolve({ statusCode, parts }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

await (role === 'outer'
  ? startHop({ before: () => writer.request(), after: async () => {} })
  : startHop({ before: async (id) => id, after: (id) => writer.answer(id) }));
process.send?.({ ready: true });
process.once('disconnect', () => process.exit(0));
