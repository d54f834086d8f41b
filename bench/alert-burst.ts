/**
 * 10,000 accounts cross a limit at the same time; each has a webhook endpoint at one slow and failing receiver, while
 * workers are killed. `node bench/alert-burst.ts [accounts]`; needs a PostgreSQL as the tests do.
 */
import { runBurst } from '#services/usage-metering/webhooks/burst.fixture.ts';

const count = Number(process.argv[2] ?? 10_000);
const say = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

const teardowns: (() => unknown)[] = [];
try {
  const result = await runBurst({ teardown: (run) => void teardowns.push(run) }, count, say);
  const { alerts, accounts, ids, refused, killed, repeated, crossedMs, deliveredMs } = result;
  const isExact = alerts === count && accounts === count && ids === count;
  console.log(`${count} accounts crossed 80 % in ${seconds(crossedMs)}.
${alerts} alerts were written; the receiver accepted ${ids} of ${accounts} accounts.
It took up to 200 ms for each and refused ${refused} first attempts; ${killed} workers were killed, so that ${repeated} came again, with the same id.
All were delivered ${seconds(deliveredMs)} after the first crossing, ${Math.round(count / (deliveredMs / 1_000))} a second.
${isExact ? 'Each alert was delivered, under one id.' : 'NOT EXACT.'}`);
  process.exitCode = isExact ? 0 : 1;
} finally {
  for (const run of teardowns.reverse()) await run();
}
