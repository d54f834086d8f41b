import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#libs/service/metrics.ts';
import { PROVIDERS } from '../providers/domain/providers.ts';
import type { CallMetrics } from './domain/call-metrics.ts';
import type { CircuitBreaker } from './domain/circuit-breaker.ts';

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
  const draining = new Gauge({
    name: 'inkmeter_draining_calls',
    help: 'Provider calls that run on after their client left, until their cost is known',
    registers,
  });
  const drained = new Counter({
    name: 'inkmeter_drained_calls_total',
    help: 'Provider calls that ended after their client left, by how their usage was determined',
    labelNames: ['provider', 'outcome'] as const,
    registers,
  });
  const bound = new Counter({
    name: 'inkmeter_bound_calls_total',
    help: 'Provider calls whose outcome is unknown, settled at what was held for them',
    labelNames: ['provider'] as const,
    registers,
  });
  const overruns = new Counter({
    name: 'inkmeter_usage_overruns_total',
    help: 'Calls that used more than was held for them, by provider',
    labelNames: ['provider'] as const,
    registers,
  });
  // From zero on, so that an alert sees the first one of a process.
  for (const provider of PROVIDERS) {
    bound.inc({ provider }, 0);
    overruns.inc({ provider }, 0);
  }
  const tierMismatches = new Counter({
    name: 'inkmeter_service_tier_mismatch_total',
    help: 'Answers of a service tier other than the requested one, by provider',
    labelNames: ['provider'] as const,
    registers,
  });
  return {
    recordProviderCall: metrics.recordProviderCall,
    recordProviderRetry: metrics.recordProviderRetry,
    recordSettle: metrics.recordSettle,
    recordTokens(provider, unitClass, count) {
      tokens.inc({ provider, class: unitClass }, count);
    },
    recordOverrun: (provider) => overruns.inc({ provider }),
    recordServiceTierMismatch: (provider) => tierMismatches.inc({ provider }),
    recordAborted: (provider, reason) => aborted.inc({ provider, reason }),
    recordDraining: () => draining.inc(),
    recordDrained(provider, outcome) {
      draining.dec();
      drained.inc({ provider, outcome });
    },
    recordBound: (provider) => bound.inc({ provider }),
  };
}

/** The models that this process avoids because they fail. */
export function registerBreakerMetric({ registry }: Metrics, breaker: Pick<CircuitBreaker, 'avoided'>): void {
  new Gauge({
    name: 'inkmeter_circuits_open',
    help: 'Models that are avoided because their calls failed in a row; absent when they work',
    labelNames: ['target'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const target of breaker.avoided()) this.set({ target }, 1);
    },
  });
}
