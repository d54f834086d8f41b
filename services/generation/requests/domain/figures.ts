import { formatUsd } from '#libs/money/money.ts';
import { type Figures, figureHeaders, type SettledFigures } from '../../calls/domain/run-call.ts';
import type { CompleteResponse } from '../../stored-responses/domain.ts';
import { type ResponseSender, sendWhole } from './handler.ts';

const CONTENT_TYPES = {
  json: 'application/json; charset=utf-8',
  events: 'text/event-stream; charset=utf-8',
} as const;

/** Sends a JSON response with the figures of its calls in headers for the gateway. */
export function sendJson(response: ResponseSender, figures: SettledFigures, body: Buffer): void {
  const headers = { ...figureHeaders(figures, 'ok'), 'content-type': CONTENT_TYPES.json };
  sendWhole(response, { status: 200, headers }, body);
}

/** The response to store. It carries its figures in public headers, because the gateway adds none to it. */
export function storedResponseOf(
  type: keyof typeof CONTENT_TYPES,
  { costNanoUsd, tokens }: Figures,
  body: Buffer,
): CompleteResponse {
  const figures = { 'x-inkmeter-cost-usd': formatUsd(costNanoUsd), 'x-inkmeter-tokens': String(tokens) };
  return { status: 200, headers: { 'content-type': CONTENT_TYPES[type], ...figures }, body };
}

/** The figures inside a response. The state is unknown until the last call is settled. */
export function presentFigures({ costNanoUsd, tokens, state }: Figures & { state?: string }) {
  return { cost_usd: formatUsd(costNanoUsd), tokens, budget_state: state };
}
