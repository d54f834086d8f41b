import { formatUsd } from '#libs/money/money.ts';
import { type Figures, figureHeaders, type SettledFigures } from '../../calls/domain/run-call.ts';
import type { CompleteResponse } from '../../stored-responses/domain.ts';
import { type ResponseSender, sendWhole } from './handler.ts';

const CONTENT_TYPES = {
  json: 'application/json; charset=utf-8',
  events: 'text/event-stream; charset=utf-8',
} as const;

/** Sends a response, of JSON unless another type is given, with the figures of its calls in headers for the gateway. */
export function sendJson(
  response: ResponseSender,
  figures: SettledFigures,
  body: Buffer,
  contentType: string = CONTENT_TYPES.json,
): void {
  const headers = { ...figureHeaders(figures, 'ok'), 'content-type': contentType };
  sendWhole(response, { status: 200, headers }, body);
}

/** The response to store. It carries its figures in public headers, because the gateway adds none to it. */
export function storedResponseOf(
  type: keyof typeof CONTENT_TYPES,
  { costNanoUsd, tokens, model }: Figures,
  body: Buffer,
  contentType: string = CONTENT_TYPES[type],
): CompleteResponse {
  const figures = {
    'x-inkmeter-cost-usd': formatUsd(costNanoUsd),
    'x-inkmeter-tokens': String(tokens),
    ...(model !== undefined && { 'x-inkmeter-model': model }),
  };
  return { status: 200, headers: { 'content-type': contentType, ...figures }, body };
}

/** The figures inside a response. The state is unknown until the last call is settled. */
export function presentFigures({ costNanoUsd, tokens, state }: Figures & { state?: string }) {
  return { cost_usd: formatUsd(costNanoUsd), tokens, budget_state: state };
}
