/** `npm run check`: every check that does not run the system. */
import { execFile } from 'node:child_process';
import { checkEnvExample } from './env-example.ts';
import { findAllDirt } from './hygiene.ts';
import { findFaults } from './import-rules.ts';
import { checkJournal, findDrift } from './migrations.ts';
import { checkOpenApi, OPENAPI_FILE } from './openapi.ts';
import { checkProblemPages } from './problem-pages.ts';
import { checkCredentials, checkIntegrity, checkLicences } from './supply-chain.ts';

/** No `faults` means passed; `seen` counts what was checked. */
type Outcome = { faults: string[]; seen?: string };
type Step = { name: string; run: () => Promise<Outcome> };

const PARALLEL_STEPS = 2;

function command(file: string, args: string[]): Promise<Outcome> {
  const env = {
    ...process.env,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
    NO_COLOR: '1',
  };
  return new Promise((resolve) => {
    execFile(file, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ faults: error ? [`${stdout}${stderr}`.trim() || error.message] : [] });
    });
  });
}

const steps: Step[] = [
  { name: 'types', run: () => command(process.execPath, ['node_modules/typescript-native/bin/tsc']) },
  {
    name: 'lint and format',
    run: () => command('biome', ['ci', '--colors=off', '--diagnostic-level=warn', '.']),
  },
  {
    name: 'import rules',
    run: async () => {
      const { faults, files, imports } = findFaults();
      return { faults, seen: `${files.length} files, ${imports.length} imports` };
    },
  },
  { name: 'migration order', run: async () => ({ faults: checkJournal() }) },
  { name: 'migration drift', run: async () => ({ faults: await findDrift() }) },
  { name: 'openapi.yaml drift', run: async () => ({ faults: await checkOpenApi() }) },
  { name: 'openapi.yaml lint', run: () => command('redocly', ['lint', OPENAPI_FILE]) },
  { name: 'docs/problems drift', run: async () => ({ faults: checkProblemPages() }) },
  { name: '.env.example drift', run: async () => ({ faults: await checkEnvExample() }) },
  { name: 'licences', run: async () => ({ faults: checkLicences() }) },
  { name: 'checksums', run: async () => ({ faults: checkIntegrity() }) },
  { name: 'credentials', run: async () => ({ faults: checkCredentials() }) },
  {
    name: 'hygiene',
    run: async () => {
      const { files, dirt } = findAllDirt();
      return { faults: dirt, seen: `${files} files` };
    },
  },
];

async function report({ name, run }: Step): Promise<boolean> {
  const startedAt = performance.now();
  const { faults, seen } = await run().catch((error: unknown): Outcome => ({ faults: [String(error)] }));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${faults.length === 0 ? 'ok  ' : 'FAIL'}  ${name.padEnd(20)} ${seconds.padStart(5)} s  ${seen ?? ''}`,
  );
  for (const fault of faults) console.log(fault.replaceAll(/^/gm, '        '));
  return faults.length === 0;
}

const waiting = [...steps];
let failed = 0;
await Promise.all(
  Array.from({ length: PARALLEL_STEPS }, async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) if (!(await report(step))) failed += 1;
  }),
);
console.log(
  failed === 0 ? `\nAll ${steps.length} checks passed.` : `\n${failed} of ${steps.length} checks failed.`,
);
process.exitCode = failed === 0 ? 0 : 1;
