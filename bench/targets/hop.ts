/**
 * One hop of a gateway of two processes that knows nobody, limits nothing and prices nothing: it passes a request on
 * and its answer back, and where it is given a database, it waits for a durable row before the one or the other.
 * Arguments: port to listen on, port of the next hop, `request` or `answer` (what waits), the database.
 *
 * The row is the narrowest there can be, beside a counter that all of them move, and rows go together in statements as
 * those of the ledger do. What this costs, nothing that keeps exact books in two processes can go below.
 */
import { randomUUIDv7 } from 'node:crypto';
import Fastify from 'fastify';
import { Pool } from 'undici';
import { createPool } from '#libs/db/pool.ts';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';

const [port, nextPort, waits, databaseUrl] = process.argv.slice(2);

const WRITE = `WITH counted AS (UPDATE bench_counter SET n = n + cardinality($1::uuid[]))
  INSERT INTO bench_rows SELECT unnest($1::uuid[])`;

function createWriter(connectionString: string): () => Promise<void> {
  const database = createPool({
    connectionString,
    max: 1,
    applicationName: 'bench-hop',
    statementTimeoutMs: 60_000,
  });
  const rows = createGroupCommit<string, void>({
    run: async (ids) => {
      await database.query({ name: 'write', text: WRITE, values: [`{${ids.join(',')}}`] });
      return ids.map(() => undefined);
    },
    key: (id) => id,
    maxBatch: 128,
    maxWaiting: 10_000,
  });
  return () => rows.submit(randomUUIDv7());
}

const write = databaseUrl === undefined ? async () => {} : createWriter(databaseUrl);

const pool = new Pool(`http://127.0.0.1:${nextPort}`, { connections: 256, pipelining: 1 });
const app = Fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/v1/chat/completions', async (request, reply) => {
  reply.hijack();
  const { raw } = reply;
  if (waits === 'request') await write();
  const parts: Buffer[] = [];
  let status = 0;
  pool.dispatch(
    {
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      body: request.body as Buffer,
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData(_controller, part) {
        parts.push(part);
      },
      async onResponseEnd() {
        if (waits === 'answer') await write();
        const body = Buffer.concat(parts);
        raw.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
        raw.end(body);
      },
      onResponseError(_controller, error) {
        raw.destroy(error);
      },
    },
  );
});

await app.listen({ port: Number(port), host: '127.0.0.1' });
process.send?.({ ready: true });
process.once('disconnect', () => process.exit(0));
