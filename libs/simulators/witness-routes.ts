import type { Usage } from './usage.ts';
import type { Witness, WitnessedCall, WitnessTotals } from './witness.ts';

/**
 * Answers `/witness/*`: what was served, as JSON in snake_case.
 * @returns undefined if there is no such route
 */
export function answerWitness(
  method: string | undefined,
  path: string,
  query: URLSearchParams,
  witness: Witness,
): { status: number; body: unknown } | undefined {
  switch (`${method} ${path}`) {
    case 'GET /witness/totals': {
      const { all, providers } = witness.totals();
      const presented = Object.entries(providers).map(([provider, models]) => [
        provider,
        Object.fromEntries(Object.entries(models).map(([model, totals]) => [model, presentTotals(totals)])),
      ]);
      return { status: 200, body: { ...presentTotals(all), providers: Object.fromEntries(presented) } };
    }
    case 'GET /witness/calls': {
      const since = query.get('since');
      const date = since === null ? undefined : new Date(since);
      if (date && Number.isNaN(date.getTime())) {
        return { status: 400, body: { error: 'since must be a time in ISO 8601' } };
      }
      const calls = witness.calls({ correlation: query.get('correlation') ?? undefined, since: date });
      return { status: 200, body: { calls: calls.map(presentCall) } };
    }
    default:
      return undefined;
  }
}

function presentTotals({ calls, complete, failed, usage }: WitnessTotals) {
  return { calls, complete, failed, ...presentUsage(usage) };
}

function presentCall(call: WitnessedCall) {
  return {
    id: call.id,
    provider: call.provider,
    model: call.model,
    correlation: call.correlation,
    ...presentUsage(call.usage),
    reports_usage: call.reportsUsage,
    usage_mode: call.usageMode,
    complete: call.complete,
    status: call.status,
    started_at: call.startedAt.toISOString(),
    ended_at: call.endedAt.toISOString(),
  };
}

function presentUsage(usage: Usage) {
  return {
    input_tokens: usage.input,
    input_audio_tokens: usage.audio,
    cache_read_tokens: usage.cacheRead,
    cache_write_tokens: usage.cacheWrite,
    output_tokens: usage.output,
    reasoning_tokens: usage.reasoning,
    images: usage.images,
  };
}
