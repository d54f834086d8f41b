/** At the end: all accounts and all provider calls of the run, examined together. */
import { examine } from '../examine.ts';
import type { CaseResult, Proof } from '../proof.ts';

export async function checkEverything(proof: Proof, since: Date): Promise<CaseResult> {
  const name = 'the whole run';
  proof.progress(name);
  const { rows } = await proof.system.pool.query<{ id: string }>('SELECT id FROM accounts');
  const found = await examine(proof, {
    accountIds: rows.map(({ id }) => id),
    since,
    outcomes: [],
    isAll: true,
  });
  const { holds } = found.ledgerState;
  const differences = [...proof.system.takeUnexpectedEnds(), ...found.differences];
  const refused = holds.filter(({ state }) => state === 'refused').length;
  return {
    rows: [
      {
        case: `${name}, ${rows.length} accounts`,
        requests: holds.length,
        admitted: holds.length - refused,
        refused,
        expected: `${found.boundRows} at their bound`,
        heldAfter: found.heldAfter,
        usageRows: String(found.usedNanoUsd),
        providerCalls: found.providerCalls,
        isRight: differences.length === 0,
      },
    ],
    notes: [],
    differences: differences.map((difference) => `${name}: ${difference}`),
  };
}
