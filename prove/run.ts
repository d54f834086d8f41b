/** `npm run prove`: checks the guarantees on a real system under load and faults, with an external witness. */
import { parseArgs } from 'node:util';
import { CASE_NAMES, prove } from './prove.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`npm run prove -- [--quick] [--case ${CASE_NAMES.join(',')}] [--seed <number>] [--keep]`);
  process.exit(0);
}

const isRight = await prove({
  isQuick: values.quick,
  cases: values.case?.split(',') ?? CASE_NAMES,
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  keep: values.keep,
  log: (line) => console.log(line),
});
process.exit(isRight ? 0 : 1);
