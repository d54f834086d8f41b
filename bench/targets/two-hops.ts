import { createPool } from '#libs/db/pool.ts';
import { benchPath, type Child, freePort, startChild } from '../children.ts';
import type { System } from './inkmeter.ts';
import type { Target } from './target.ts';

const TABLES = `
  CREATE TABLE bench_counter (n bigint NOT NULL) WITH (fillfactor = 20);
  INSERT INTO bench_counter VALUES (0);
  CREATE TABLE bench_rows (id uuid PRIMARY KEY)`;

async function createTables({ databaseUrl }: System): Promise<void> {
  const pool = createPool({
    connectionString: databaseUrl,
    max: 1,
    applicationName: 'inkmeter-bench',
    statementTimeoutMs: 60_000,
  });
  await pool.query(TABLES).finally(() => pool.end());
}

/** Two processes in a row, as gateway and generation are. See hop.ts. */
async function startTwoHops(
  name: string,
  upstreamPort: number,
  system: System,
  databaseUrl: readonly string[],
): Promise<Target> {
  const [outerPort, innerPort] = [await freePort(), await freePort()];
  const start = (hop: string, ...args: readonly (string | number)[]): Promise<Child> =>
    startChild({ name: hop, script: benchPath('targets/hop.ts'), args: args.map(String) });
  const inner = await start('inner-hop', innerPort, upstreamPort, 'answer', ...databaseUrl);
  const outer = await start('outer-hop', outerPort, innerPort, 'request', ...databaseUrl);
  return {
    name,
    addresses: [`127.0.0.1:${outerPort}`],
    path: '/v1/chat/completions',
    headers: {},
    processes: [outer.pid, inner.pid, ...(databaseUrl.length > 0 ? [system.pid] : [])],
    stop: async () => {
      await outer.stop();
      await inner.stop();
    },
  };
}

/** What a gateway of two processes costs before it does anything of use, without and with two durable rows a request. */
export async function startFloors(upstreamPort: number, system: System): Promise<Target[]> {
  await createTables(system);
  return [
    await startTwoHops('two hops', upstreamPort, system, []),
    await startTwoHops('two hops, a durable row at each', upstreamPort, system, [system.databaseUrl]),
  ];
}
