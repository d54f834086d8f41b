import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** From a cache hit to the slowest reasoning model. */
const HTTP_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];
const HOLD_BUCKETS_SECONDS = [0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const PROVIDER_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300];

const STATUS_CLASSES = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

const HOLD_OUTCOMES = ['admitted', 'refused', 'unavailable'] as const;
export type HoldOutcome = (typeof HOLD_OUTCOMES)[number];
const SETTLE_OUTCOMES = ['settled', 'replayed', 'spooled', 'failed'] as const;
export type SettleOutcome = (typeof SETTLE_OUTCOMES)[number];
export type ProviderOutcome = 'ok' | 'error' | 'timeout' | 'refused' | 'malformed' | 'cancelled';

/**
 * A service's metrics as typed recorders. Labels come from closed sets only (routes, codes, provider keys): a label
 * that a client chooses, such as an account or a model, would let the registry grow without bound.
 */
export type Metrics = {
  /** For metrics of one service alone. */
  readonly registry: Registry;
  readonly recordRequest: (method: string, route: string, status: number, ms: number) => void;
  /** Adds a source of the number of requests that are being served, which is read at each scrape. */
  readonly countInFlight: (read: () => number) => void;
  /** Counts a problem response by its code. */
  readonly recordRefusal: (code: string) => void;
  readonly recordHold: (outcome: HoldOutcome, ms: number) => void;
  readonly recordSettle: (outcome: SettleOutcome, ms: number) => void;
  readonly recordProviderCall: (provider: string, outcome: ProviderOutcome, ms: number) => void;
  readonly recordProviderRetry: (provider: string) => void;
};

/**
 * Creates its own registry, so that several services (or tests) can run in one process.
 *
 * @param options.processMetrics also collect memory, CPU, garbage collection and event-loop lag of the process.
 */
export function createMetrics(options: { service: string; processMetrics?: boolean }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const requests = new Histogram({
    name: 'inkmeter_http_request_duration_seconds',
    help: 'Time from a request to the end of its response',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: HTTP_BUCKETS_SECONDS,
    registers,
  });
  const inFlightSources: (() => number)[] = [];
  new Gauge({
    name: 'inkmeter_http_requests_in_flight',
    help: 'Requests whose response has not ended',
    registers,
    collect() {
      this.set(inFlightSources.reduce((sum, read) => sum + read(), 0));
    },
  });
  const refusals = new Counter({
    name: 'inkmeter_refusals_total',
    help: 'Problem responses by code',
    labelNames: ['code'] as const,
    registers,
  });
  const holds = new Histogram({
    name: 'inkmeter_hold_duration_seconds',
    help: 'Time to decide on a hold, by outcome',
    labelNames: ['outcome'] as const,
    buckets: HOLD_BUCKETS_SECONDS,
    registers,
  });
  const settles = new Histogram({
    name: 'inkmeter_settle_duration_seconds',
    help: 'Time to settle one provider call, by outcome',
    labelNames: ['outcome'] as const,
    buckets: HOLD_BUCKETS_SECONDS,
    registers,
  });
  // From zero on, so that an alert sees the first one of a process.
  for (const outcome of HOLD_OUTCOMES) holds.zero({ outcome });
  for (const outcome of SETTLE_OUTCOMES) settles.zero({ outcome });
  const providerCalls = new Histogram({
    name: 'inkmeter_provider_call_duration_seconds',
    help: 'Duration of one provider call, by provider and outcome',
    labelNames: ['provider', 'outcome'] as const,
    buckets: PROVIDER_BUCKETS_SECONDS,
    registers,
  });
  const providerRetries = new Counter({
    name: 'inkmeter_provider_retries_total',
    help: 'Retried provider calls',
    labelNames: ['provider'] as const,
    registers,
  });

  return {
    registry,
    recordRequest: (method, route, status, ms) =>
      requests.observe(
        { method, route, status: STATUS_CLASSES[Math.trunc(status / 100)] ?? '0xx' },
        ms / 1000,
      ),
    countInFlight: (read) => void inFlightSources.push(read),
    recordRefusal: (code) => refusals.inc({ code }),
    recordHold: (outcome, ms) => holds.observe({ outcome }, ms / 1000),
    recordSettle: (outcome, ms) => settles.observe({ outcome }, ms / 1000),
    recordProviderCall: (provider, outcome, ms) => providerCalls.observe({ provider, outcome }, ms / 1000),
    recordProviderRetry: (provider) => providerRetries.inc({ provider }),
  };
}
