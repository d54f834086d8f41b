import { Counter, Gauge } from 'prom-client';
import type { UnitClass } from '#libs/pricing/units.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { GenerationMetrics } from './domain/ports.ts';

/** The shared recorders, and what only generation has to tell. */
export function createGenerationMetrics(metrics: Metrics, running: () => number): GenerationMetrics {
  const registers = [metrics.registry];
  const tokens = new Counter({
    name: 'inkmeter_tokens_total',
    help: 'Tokens settled, by provider and class',
    labelNames: ['provider', 'class'] as const,
    registers,
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
  /** Finding a counter by its labels costs more than counting, and this happens several times a call. */
  const counters = new Map<string, Counter.Internal>();
  return {
    recordProviderCall: metrics.recordProviderCall,
    recordProviderRetry: metrics.recordProviderRetry,
    recordSettle: metrics.recordSettle,
    recordTokens(provider: string, unitClass: UnitClass, count: number) {
      const key = `${provider} ${unitClass}`;
      let counter = counters.get(key);
      if (counter === undefined) {
        counter = tokens.labels(provider, unitClass);
        counters.set(key, counter);
      }
      counter.inc(count);
    },
    recordAborted: (provider, reason) => aborted.inc({ provider, reason }),
  };
}
