/**
 * `npm run fuzz:requests -- [--minutes 30] [--seed 0]`: sends damaged requests to all four services, until the time is over.
 * Every answer must be as documented, and none a fault of ours.
 */
import { parseArgs } from 'node:util';
import { startInstallation } from '#deploy/local/installation.fixture.ts';
import { fuzzRequest } from '#deploy/local/request-fuzzer.fixture.ts';

const PROGRESS_MS = 10_000;
/** An account is used up by what it creates and spends. */
const REQUESTS_PER_ACCOUNT = 1_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '0' } },
});
const closers: (() => unknown)[] = [];
const { url, customer, staffToken } = await startInstallation(
  { teardown: (close) => closers.unshift(close) },
  'default',
  // The tokens are those of the whole run.
  { ACCESS_TOKEN_TTL: '12h' },
);
const statuses = new Map<number, number>();
const endsAt = Date.now() + Number(values.minutes) * 60_000;
const firstSeed = Number(values.seed);
let seed = firstSeed;
let shownAt = Date.now();
let owner = await customer('enterprise');
try {
  for (; Date.now() < endsAt; seed += 1) {
    if (seed > firstSeed && seed % REQUESTS_PER_ACCOUNT === 0) owner = await customer('enterprise');
    const tokenFor = (auth: string) => (auth === 'staff' ? staffToken : owner.token);
    const { status } = await fuzzRequest({ url, tokenFor }, seed);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (Date.now() - shownAt < PROGRESS_MS) continue;
    shownAt = Date.now();
    console.log(`seed ${seed}, ${Math.ceil((endsAt - shownAt) / 60_000)} minutes left`);
  }
  const counts = [...statuses].sort(([one], [other]) => one - other);
  console.log(
    `No finding: seeds ${firstSeed} to ${seed - 1}; ${counts.map((count) => count.join(': ')).join(', ')}.`,
  );
} finally {
  for (const close of closers) await close();
}
