/**
 * 8. Random. The property tests of the code, run longer and with other seeds: the ledger against a reference model on
 * real PostgreSQL, and the arithmetic of prices and money.
 */
import { execFile } from 'node:child_process';
import { scriptPath } from '#deploy/local/supervisor.ts';
import { RUNS } from '../more-runs.ts';
import { type CaseResult, joinResults, type Proof } from '../proof.ts';

const LEDGER_TEST = 'libs/ledger/reference-model.test.ts';
const ARITHMETIC_TESTS = ['libs/pricing/price.test.ts', 'libs/money/money.test.ts'];
/** Each run of the ledger's test takes a new seed and prints it on failure. */
const LEDGER_RUNS = 3;

export async function runRandom(proof: Proof): Promise<CaseResult> {
  const ledger = await ledgerAgainstModel(proof, proof.isQuick ? 1 : LEDGER_RUNS);
  return joinResults([ledger, await arithmetic(proof)]);
}

async function ledgerAgainstModel(proof: Proof, runs: number): Promise<CaseResult> {
  const name = `random: the ledger against its model, ${runs} seeds`;
  const differences: string[] = [];
  let operations = 0;
  let admitted = 0;
  for (let run = 1; run <= runs; run += 1) {
    proof.progress(`${name}: ${run}`);
    const { isRight, output } = await runTest(LEDGER_TEST);
    const [, operated, ofThem] = /(\d+) operations, (\d+) admitted/.exec(output) ?? [];
    operations += Number(operated ?? 0);
    admitted += Number(ofThem ?? 0);
    if (!isRight) differences.push(`${name}: ${failuresOf(output)}`);
  }
  if (operations === 0) differences.push(`${name}: nothing was compared`);
  const row = { case: name, requests: operations, admitted, expected: 'as the model' };
  return { rows: [{ ...row, isRight: differences.length === 0 }], notes: [], differences };
}

async function arithmetic(proof: Proof): Promise<CaseResult> {
  const name = `random: prices and money, ${RUNS} examples of each property`;
  proof.progress(name);
  const differences: string[] = [];
  for (const test of ARITHMETIC_TESTS) {
    const { isRight, output } = await runTest(test, ['--import', scriptPath('prove/more-runs.ts')]);
    if (!isRight) differences.push(`${name}: ${failuresOf(output)}`);
  }
  return { rows: [{ case: name, isRight: differences.length === 0 }], notes: [], differences };
}

function runTest(file: string, nodeFlags: string[] = []): Promise<{ isRight: boolean; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...nodeFlags, scriptPath(file)],
      { cwd: scriptPath('.'), maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ isRight: error === null, output: `${stdout}${stderr}` }),
    );
  });
}

/** The failed assertions with their messages, seed included. */
function failuresOf(output: string): string {
  const lines = output.split('\n');
  const first = lines.findIndex((line) => /not ok|Error/.test(line));
  return lines.slice(Math.max(first, 0), first + 30).join('\n');
}
