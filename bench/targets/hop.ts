/**
 * One of the two hops of a gateway without authentication, limits and prices: it forwards a request and its response. The outer one gets it over HTTP and sends it over a channel, the inner one does the reverse. Where it is
 * given a database, the outer waits for a durable row before the request goes on, the inner before its answer does.
 * Arguments: `outer` or `inner`, port to listen on, port of the next hop, the database, an account.
 *
 * The rows are the narrowest there can be, beside a counter that all of them move; with an account, those of the ledger
 * (`lean-ledger.ts`). They go together in statements as the ledger's do. What this costs, nothing that keeps exact balances
 * in two processes can go below.
 */
import { randomUUIDv7 } from 'node:crypto';
import { createServer } from 'node:http';
import Fastify from 'fastify';
import type { Pool } from 'pg';
import { Pool as HttpPool } from 'undici';
import { createChannelClient } from '#libs/channel/client.ts';
import { acceptChannels } from '#libs/channel/server.ts';
import { createPool } from '#libs/db/pool.ts';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';
import { createLeanLedger, leanConnection } from '../lean-ledger.ts';

const [role, port, nextPort, databaseUrl, accountId] = process.argv.slice(2);
const next = `http://127.0.0.1:${nextPort}`;
const address = { port: Number(port), host: '127.0.0.1' };

const PROTOCOL = 'bench-hop';
const PATH = '/v1/chat/completions';
const JSON_HEADERS = { 'content-type': 'application/json' };
const WRITE = `WITH counted AS (UPDATE bench_counter SET n = n + cardinality($1::uuid[]))
  INSERT INTO bench_rows SELECT unnest($1::uuid[])`;

type Asked = { id: string };
type Answered = { status: number };

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

async function startOuter(): Promise<void> {
  const client = createChannelClient<Answered>({
    url: next,
    protocol: PROTOCOL,
    path: '/',
    headers: () => ({}),
  });
  const app = Fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post(PATH, async (request, reply) => {
    reply.hijack();
    const { raw } = reply;
    const id = await writer.request();
    const channel = await client.channel();
    channel.ask({ id }, request.body as Buffer, {
      onHead: ({ status }) => raw.writeHead(status, JSON_HEADERS),
      onData: (bytes) => raw.write(bytes),
      onEnd: () => raw.end(),
      onLost: (error) => raw.destroy(error),
    });
  });
  await app.listen(address);
}

async function startInner(): Promise<void> {
  const provider = new HttpPool(next, { connections: 256, pipelining: 1 });
  const server = createServer();
  acceptChannels<Asked, Answered>(server, PROTOCOL, {
    maxRequestBytes: 1_000_000,
    refuse: () => null,
    onError: (error) => console.error(error),
    serve: async ({ head, body }, answer) => {
      const { statusCode, parts } = await exchange(provider, body);
      await writer.answer(head.id);
      answer.whole({ status: statusCode }, Buffer.concat(parts));
    },
  });
  await new Promise<void>((resolve) => server.listen(address, resolve));
}

function exchange(provider: HttpPool, body: Buffer): Promise<{ statusCode: number; parts: Buffer[] }> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let statusCode = 0;
    provider.dispatch(
      { method: 'POST', path: PATH, headers: JSON_HEADERS, body },
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

await (role === 'outer' ? startOuter() : startInner());
process.send?.({ ready: true });
process.once('disconnect', () => process.exit(0));
