import { formatUsd } from '#libs/money/money.ts';
import type { Figures } from '../domain/run-call.ts';

/** Headers of a kept answer: it reaches its client without passing the gateway's header writer. */
export function figuresForClient({ costNanoUsd, tokens }: Figures): Record<string, string> {
  return { 'x-inkmeter-cost-usd': formatUsd(costNanoUsd), 'x-inkmeter-tokens': String(tokens) };
}

/** Figures inside an answer. The state is unknown until the last call is settled. */
export function presentFigures({ costNanoUsd, tokens, state }: Figures & { state?: string }) {
  return { cost_usd: formatUsd(costNanoUsd), tokens, budget_state: state };
}
