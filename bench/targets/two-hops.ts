import { benchPath, type Child, freePort, startChild } from '../children.ts';
import { withDatabase } from './database.ts';
import type { Account, System } from './inkmeter.ts';
import type { Target } from './target.ts';

const TABLES = `
  CREATE TABLE bench_counter (n bigint NOT NULL) WITH (fillfactor = 20);
  INSERT INTO bench_counter VALUES (0);
  CREATE TABLE bench_rows (id uuid PRIMARY KEY)`;

/** Two processes in a row, like gateway and generation. See hop.ts. */
async function startTwoHops(
  name: string,
  upstreamPort: number,
  system: System,
  writes: readonly string[],
): Promise<Target> {
  const [outerPort, innerPort] = [await freePort(), await freePort()];
  const start = (role: 'outer' | 'inner', port: number, nextPort: number): Promise<Child> =>
    startChild({
      name: `${role}-hop`,
      script: benchPath('targets/hop.ts'),
      args: [role, String(port), String(nextPort), ...writes],
    });
  const inner = await start('inner', innerPort, upstreamPort);
  const outer = await start('outer', outerPort, innerPort);
  return {
    name,
    addresses: [`127.0.0.1:${outerPort}`],
    path: '/v1/chat/completions',
    headers: {},
    processes: [outer.pid, inner.pid, ...(writes.length > 0 ? [system.pid] : [])],
    stop: async () => {
      await outer.stop();
      await inner.stop();
    },
  };
}

/** The minimum cost of a gateway with two processes: without rows, with narrow ones, and with the ledger's. */
export async function startFloors(upstreamPort: number, system: System, account: Account): Promise<Target[]> {
  await withDatabase(system.databaseUrl, (pool) => pool.query(TABLES));
  return [
    await startTwoHops('two hops', upstreamPort, system, []),
    await startTwoHops('two hops, a durable row at each', upstreamPort, system, [system.databaseUrl]),
    await startTwoHops('two hops, the rows of the ledger', upstreamPort, system, [
      system.databaseUrl,
      account.id,
    ]),
  ];
}
