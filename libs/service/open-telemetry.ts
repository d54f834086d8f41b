/** The official SDK of OpenTelemetry. Imported only if traces are exported. */
import { FastifyOtelInstrumentation } from '@fastify/otel';
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { type CallAttributes, GEN_AI } from './gen-ai-attributes.ts';
import type { CallSpan, Tracing } from './tracing-types.ts';

const TRACER = 'inkmeter';

export function startOpenTelemetry(service: string, endpoint: string): Tracing {
  const sdk = new NodeSDK({
    serviceName: `inkmeter-${service}`,
    traceExporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
    // Metrics are scraped and logs are written; only traces are pushed.
    metricReaders: [],
    logRecordProcessors: [],
    autoDetectResources: false,
  });
  sdk.start();
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: true,
    recordExceptions: false,
    // A query may have a key in it.
    requestHook: (span, request) => span.setAttribute('url.path', request.url.split('?', 1)[0] ?? ''),
  });
  instrumentation.setTracerProvider(trace.getTracerProvider());
  return {
    instrument: (app) => void app.register(instrumentation.plugin()),
    currentTraceparent: () => traceparentIn(context.active()),
    startCall,
    shutdown: () => sdk.shutdown(),
  };
}

function traceparentIn(spanContext: Context): string | undefined {
  if (trace.getSpan(spanContext) === undefined) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(spanContext, carrier);
  return carrier.traceparent;
}

function startCall(parent: string | undefined, attributes: CallAttributes): CallSpan {
  const remote =
    parent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent: parent });
  const name = `${attributes.operation} ${attributes.requestModel}`;
  const options = { kind: SpanKind.CLIENT, attributes: named(attributes) };
  const span = trace.getTracer(TRACER).startSpan(name, options, remote);
  return {
    traceparent: traceparentIn(trace.setSpan(remote, span)) ?? parent ?? '',
    end(final) {
      span.setAttributes(named(final));
      if (final.errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function named(attributes: CallAttributes): Record<string, string | number> {
  const entries = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [GEN_AI[name as keyof typeof GEN_AI], value]),
  ) as Record<string, string | number>;
}
