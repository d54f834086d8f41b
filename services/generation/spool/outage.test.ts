/** A process that is killed during an outage of the database loses no settlement that a client's answer depends on. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import t from 'tap';
import {
  encodeGenerationRequest,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
} from '#libs/contracts/generation-requests.ts';
import { createPool } from '#libs/db/pool.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { testHold, testSegment } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { createTestCluster } from '#libs/testing/cluster.ts';
import { INTERNAL_KEYS_TEXT, signedContext } from '#libs/testing/service.ts';
import { ACCOUNT, CALLER, chatPlan } from '../fixtures.ts';

t.setTimeout(180_000);

const identify = signedContext('generation', systemRuntime.clock);

t.test(
  'given a stream whose database and then process are killed, then its call is settled exactly',
  async (t) => {
    const cluster = await createTestCluster(t);
    const simulator = await startProviderSimulator();
    const spoolFolder = mkdtempSync(path.join(tmpdir(), 'inkmeter-outage-'));
    const pool = createPool({
      connectionString: cluster.url,
      max: 4,
      applicationName: 'test',
      statementTimeoutMs: 30_000,
    });
    const processes: ChildProcess[] = [];
    t.teardown(async () => {
      for (const child of processes) child.kill('SIGKILL');
      await pool.end();
      await simulator.close();
      rmSync(spoolFolder, { recursive: true, force: true });
    });

    async function startProcess() {
      const child = fork(new URL('../main.ts', import.meta.url), {
        env: {
          ...process.env,
          DATABASE_URL: cluster.url,
          INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
          ENCRYPTION_KEYS: 'k'.repeat(43),
          PORT: '0',
          OPENAI_API_KEY: 'sk-test',
          OPENAI_BASE_URL: `${simulator.url}/openai/v1`,
          EVENT_LOOP_DELAY_LIMIT: '0ms',
          SPOOL_DIR: spoolFolder,
        },
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      processes.push(child);
      for await (const text of createInterface(child.stdout as Readable)) {
        const line = JSON.parse(text);
        if (line.msg !== 'generation is ready') continue;
        child.stdout?.resume();
        const at = (port: number) => `http://127.0.0.1:${port}`;
        return { child, url: at(line.port), operations: at(line.operations_port) };
      }
      throw new Error('The process ended before it was ready.');
    }

    const ledger = createLedger({ pool });
    const segments = ['cost', 'tokens.total', 'api.requests'].map((meter) => testSegment({ meter }));
    await ledger.setLimits({ accountId: ACCOUNT, anchor: new Date(), periodMonths: 1, segments });
    const requestId = systemRuntime.newId();
    const plan = chatPlan();
    const meters = { cost: 805_000n, 'tokens.total': 560n, 'api.requests': 1n };
    const { expiresAt } = await ledger.hold(
      testHold(ACCOUNT, requestId, meters, { ttlMs: 600_000, detail: JSON.stringify(plan) }),
    );

    const first = await startProcess();
    const route = GENERATION_PATHS.chat;
    const message = 'Rivers [[simulate: fill,chunk_delay=50]]';
    const chat = { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: message }] };
    const head = {
      requestId,
      caller: CALLER,
      plan,
      storeResponse: false,
      holdExpiresAtMs: expiresAt.getTime(),
      holdMsLeft: 600_000,
    };
    const response = await fetch(`${first.url}${route}`, {
      method: 'POST',
      headers: {
        'content-type': GENERATION_REQUEST_TYPE,
        'x-request-id': requestId,
        ...identify(CALLER, { method: 'POST', path: route }),
      },
      body: new Uint8Array(
        encodeGenerationRequest(head, JSON.stringify(plan), Buffer.from(JSON.stringify(chat))),
      ),
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    const read = async (pattern: RegExp) => {
      while (!pattern.test(text)) text += Buffer.from((await reader.read()).value ?? []).toString();
    };

    await read(/"content":"[^"]/);
    await cluster.kill();
    await read(/\[DONE\]/);
    const ready = await fetch(`${first.operations}/ready`);
    t.equal(ready.status, 503, 'the database is away');
    t.match(await ready.json(), { degraded: { settlement_spool: /^1 waiting, the oldest for \d+ s$/ } });
    first.child.kill('SIGKILL');
    const [file = '', ...others] = readdirSync(spoolFolder);
    t.strictSame(others, []);
    t.equal(readFileSync(path.join(spoolFolder, file), 'utf8').trimEnd().split('\n').length, 1);

    await cluster.start();
    const second = await startProcess();
    const rows = async () =>
      (
        await pool.query(
          'SELECT status, usage_source, input_tokens, output_tokens, cost_nano_usd FROM usage_events WHERE hold_id = $1',
          [requestId],
        )
      ).rows;
    await until(async () => (await rows()).length > 0);
    const [call] = simulator.witness.calls();
    const [input, output] = [BigInt(call?.usage.input ?? 0), BigInt(call?.usage.output ?? 0)];
    t.strictSame(await rows(), [
      {
        status: 'ok',
        usage_source: 'provider',
        input_tokens: input,
        output_tokens: output,
        cost_nano_usd: input * 1_000n + output * 2_000n,
      },
    ]);
    await until(async () => readdirSync(spoolFolder).length === 0);
    const { status } = (await (await fetch(`${second.operations}/ready`)).json()) as { status: string };
    t.equal(status, 'ready');
    t.strictSame(await findBreaches(pool), []);
  },
);
