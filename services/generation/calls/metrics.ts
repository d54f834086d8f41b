import { Counter } from 'prom-client';
import type { Metrics } from '#libs/service/metrics.ts';
import type { CallMetrics } from './domain/call-metrics.ts';

/** The shared recorders and the metrics of provider calls. */
export function createCallMetrics(metrics: Metrics): CallMetrics {
  const registers = [metrics.registry];
  const tokens = new Counter({
    name: 'inkmeter_tokens_total',
    help: 'Tokens settled, by provider and class',
    labelNames: ['provider', 'class'] as const,
    registers,
  });
  const aborted = new Counter({
    name: 'inkmeter_aborted_calls_total',
    help: 'Provider calls ended by Inkmeter, by reason',
    labelNames: ['provider', 'reason'] as const,
    registers,
  });
  return {
    recordProviderCall: metrics.recordProviderCall,
    recordProviderRetry: metrics.recordProviderRetry,
    recordSettle: metrics.recordSettle,
    recordTokens(provider, unitClass, count) {
      tokens.inc({ provider, class: unitClass }, count);
    },
    recordAborted: (provider, reason) => aborted.inc({ provider, reason }),
  };
}
