/** How many webhooks of Stripe a second are accepted at the gateway, each stored with its job before its answer. */
import { createHmac } from 'node:crypto';
import { Pool as HttpPool } from 'undici';
import { createPool } from '#libs/db/pool.ts';
import { type ByProgram, cpuUsByProgram } from './processes.ts';
import { ms, table, whole } from './report.ts';
import type { System } from './targets/inkmeter.ts';

/** Events concern one of these invoices: waiting jobs of one object are one job. */
const OBJECTS = 2_000;
/** Signed ahead, so that signing is not measured. */
const EVENTS_PER_SECOND = 12_000;
const WARM_UP_EVENTS = 2_000;

/** The programs that accept and process. Stripe's simulator, which billing reads from meanwhile, is no part of the product. */
const CPU_COLUMNS: readonly ((us: ByProgram) => number)[] = [
  ({ gateway = 0, billing = 0, postgres = 0 }) => gateway + billing + postgres,
  ({ gateway = 0 }) => gateway,
  ({ billing = 0 }) => billing,
  ({ postgres = 0 }) => postgres,
];

type Delivery = { id: string; body: string; signature: string };

function deliveries(prefix: string, count: number, secret: string): Delivery[] {
  const seconds = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, n) => {
    const id = `evt_${prefix}_${n}`;
    const object = { id: `in_bench_${n % OBJECTS}`, object: 'invoice', customer: `cus_bench_${n % OBJECTS}` };
    const body = JSON.stringify({
      id,
      object: 'event',
      api_version: '2026-10-28.endive',
      created: seconds,
      livemode: false,
      type: 'invoice.paid',
      data: { object: { ...object, description: 'x'.repeat(2_000) } },
    });
    const sum = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
    return { id, body, signature: `t=${seconds},v1=${sum}` };
  });
}

/** Sends until the time is over. @returns the time of each answer with 200. @throws Error for any other answer. */
async function send(
  client: HttpPool,
  events: readonly Delivery[],
  { connections, durationMs }: { connections: number; durationMs: number },
): Promise<number[]> {
  const latencies: number[] = [];
  const endsAt = performance.now() + durationMs;
  let next = 0;
  const worker = async () => {
    for (;;) {
      const event = events[next];
      if (event === undefined || performance.now() >= endsAt) return;
      next += 1;
      const startedAt = performance.now();
      const { statusCode, body } = await client.request({
        method: 'POST',
        path: '/api/webhooks/stripe',
        headers: { 'content-type': 'application/json', 'stripe-signature': event.signature },
        body: event.body,
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`A webhook was answered with ${statusCode}: ${text}`);
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return latencies;
}

export async function measureWebhooks({
  system,
  durationMs,
  say,
}: {
  system: System;
  durationMs: number;
  say: (line: string) => void;
}): Promise<string> {
  const pool = createPool({
    connectionString: system.databaseUrl,
    max: 1,
    applicationName: 'bench-webhooks',
    statementTimeoutMs: 60_000,
  });
  const rows: string[][] = [];
  try {
    for (const connections of [16, 64, 256]) {
      say(`webhooks over ${connections} connections`);
      const client = new HttpPool(`http://${system.gateway}`, { connections, pipelining: 1 });
      const warmUp = deliveries(`warm${connections}`, WARM_UP_EVENTS, system.webhookSecret);
      await send(client, warmUp, { connections, durationMs });
      const prefix = `run${connections}`;
      const count = Math.ceil((EVENTS_PER_SECOND * durationMs) / 1_000);
      const events = deliveries(prefix, count, system.webhookSecret);
      const before = cpuUsByProgram([system.pid]);
      const startedAt = performance.now();
      const latencies = await send(client, events, { connections, durationMs });
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = cpuUsByProgram([system.pid]);
      await client.close();
      const { rows: stored } = await pool.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM stripe_inbox WHERE event_id LIKE $1',
        [`evt\\_${prefix}\\_%`],
      );
      const lost = latencies.length - (stored[0]?.count ?? 0);
      const sorted = latencies.toSorted((a, b) => a - b);
      const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
      rows.push([
        whole(connections),
        whole(latencies.length / seconds),
        ms(at(0.5)),
        ms(at(0.99)),
        whole(lost),
        ...CPU_COLUMNS.map((of) => whole((of(after) - of(before)) / latencies.length)),
      ]);
    }
  } finally {
    await pool.end();
  }
  const cpu = ['CPU µs/webhook', 'gateway', 'billing', 'PostgreSQL'];
  return table(['connections', 'accepted/s', 'p50 ms', 'p99 ms', 'lost', ...cpu], rows);
}
