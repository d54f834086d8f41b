/** The input and the result of a case. */
import type { TestUser } from './accounts.ts';
import type { GatewayClient } from './calls.ts';
import type { TokenPrices } from './compare.ts';
import type { Random } from './random.ts';
import type { ProvedSystem } from './system.ts';
import type { TableRow } from './table.ts';

export type Proof = {
  system: ProvedSystem;
  /** One for each gateway. */
  clients: readonly [GatewayClient, GatewayClient];
  staff: TestUser;
  pricesOf: (provider: string, model: string) => TokenPrices;
  random: Random;
  /** The short form: fewer requests and rounds for the same claims. */
  isQuick: boolean;
  /** Shown until the next one. */
  progress: (text: string) => void;
};

export type CaseResult = {
  rows: TableRow[];
  /** Observations that are no faults. */
  notes: string[];
  /** Sentences. Any difference fails the proof. */
  differences: string[];
};

export type Case = { name: string; run: (proof: Proof) => Promise<CaseResult> };

/** The gateway that the n-th request goes to. */
export const clientOf = ({ clients }: Pick<Proof, 'clients'>, index: number): GatewayClient =>
  clients[index % 2 === 0 ? 0 : 1];

export function joinResults(results: readonly CaseResult[]): CaseResult {
  return {
    rows: results.flatMap(({ rows }) => rows),
    notes: results.flatMap(({ notes }) => notes),
    differences: results.flatMap(({ differences }) => differences),
  };
}
