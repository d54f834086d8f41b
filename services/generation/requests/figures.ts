import { SSE_HEADERS } from '#libs/http/sse-writer.ts';
import { formatUsd } from '#libs/money/money.ts';
import { type Figures, figureHeaders, type SettledFigures } from '../calls/run-call.ts';
import type { CompleteAnswer } from '../stored-responses/domain.ts';
import { answerWhole, type WorkAnswer } from './work-server.ts';

const CONTENT_TYPES = {
  json: 'application/json; charset=utf-8',
  events: SSE_HEADERS['content-type'],
} as const;

/** Answers with JSON, and what it came to in headers for the gateway. */
export function answerJson(answer: WorkAnswer, figures: SettledFigures, body: Buffer): void {
  const headers = { ...figureHeaders(figures, 'ok'), 'content-type': CONTENT_TYPES.json };
  answerWhole(answer, { status: 200, headers }, body);
}

/** An answer to be kept: it reaches its client without passing the gateway's header writer. */
export function storedResponseOf(
  type: keyof typeof CONTENT_TYPES,
  { costNanoUsd, tokens }: Figures,
  body: Buffer,
): CompleteAnswer {
  const figures = { 'x-inkmeter-cost-usd': formatUsd(costNanoUsd), 'x-inkmeter-tokens': String(tokens) };
  return { status: 200, headers: { 'content-type': CONTENT_TYPES[type], ...figures }, body };
}

/** Figures inside an answer. The state is unknown until the last call is settled. */
export function presentFigures({ costNanoUsd, tokens, state }: Figures & { state?: string }) {
  return { cost_usd: formatUsd(costNanoUsd), tokens, budget_state: state };
}
