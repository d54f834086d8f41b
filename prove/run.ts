/** `npm run prove`: checks the guarantees on a real system under load and faults, with an external witness. */
import { parseArgs } from 'node:util';
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { createPool } from '#libs/db/pool.ts';
import { examineInstallation } from './examine-installation.ts';
import { CASE_NAMES, prove } from './prove.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    examine: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`npm run prove -- [--quick] [--case ${CASE_NAMES.join(',')}] [--seed <number>] [--keep]
npm run prove -- --examine    compares every balance in DATABASE_URL, or of npm start, with its usage rows and holds`);
  process.exit(0);
}

if (values.examine) process.exit((await examine()) ? 0 : 1);

const isRight = await prove({
  isQuick: values.quick,
  cases: values.case?.split(',') ?? CASE_NAMES,
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  keep: values.keep,
  log: (line) => console.log(line),
});
process.exit(isRight ? 0 : 1);

/** @returns whether the balances of the installation equal its rows. */
async function examine(): Promise<boolean> {
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 1,
    applicationName: 'inkmeter-examine',
    statementTimeoutMs: 0,
  });
  try {
    const { accounts, balances, differences } = await examineInstallation(pool);
    for (const difference of differences) console.log(difference);
    console.log(`${accounts} accounts, ${balances} balances, ${differences.length} differences.`);
    return differences.length === 0;
  } finally {
    await pool.end();
    await close();
  }
}
