import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#libs/service/metrics.ts';
import { createSeries } from '#libs/service/series.ts';
import type { GenerationMetrics } from './metrics-port.ts';

/** The shared recorders, and what only generation has to tell. */
export function createGenerationMetrics(metrics: Metrics, running: () => number): GenerationMetrics {
  const registers = [metrics.registry];
  const tokens = createSeries(['provider', 'class'], () => ({ count: 0 }));
  new Counter({
    name: 'inkmeter_tokens_total',
    help: 'Tokens settled, by provider and class',
    labelNames: ['provider', 'class'] as const,
    registers,
    collect() {
      this.reset();
      for (const { labels, state } of tokens.all()) this.inc(labels, state.count);
    },
  });
  const aborted = new Counter({
    name: 'inkmeter_aborted_calls_total',
    help: 'Provider calls that we ended, by reason',
    labelNames: ['provider', 'reason'] as const,
    registers,
  });
  new Gauge({
    name: 'inkmeter_running_work',
    help: 'Requests being worked on',
    registers,
    collect() {
      this.set(running());
    },
  });
  return {
    recordProviderCall: metrics.recordProviderCall,
    recordProviderRetry: metrics.recordProviderRetry,
    recordSettle: metrics.recordSettle,
    recordTokens(provider, unitClass, count) {
      tokens.find(provider, unitClass).count += count;
    },
    recordAborted: (provider, reason) => aborted.inc({ provider, reason }),
  };
}
