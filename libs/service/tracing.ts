/** Traces, if they are exported. Nothing of OpenTelemetry is loaded otherwise. */
import { readTraceparent } from '#libs/http/traceparent.ts';
import type { Tracing } from './tracing-types.ts';

let active: Tracing | undefined;

/** The traces of this process; undefined unless they are exported. */
export const tracing = (): Tracing | undefined => active;

/** Starts exporting traces to an OTLP receiver over HTTP. */
export async function startTracing(service: string, endpoint: string): Promise<Tracing> {
  const { startOpenTelemetry } = await import('./open-telemetry.ts');
  active = startOpenTelemetry(service, endpoint);
  return active;
}

/** The `traceparent` to pass on with a request: of our own span, or else the client's. */
export function traceparentOf(headers: NodeJS.Dict<string | string[]>): string | undefined {
  return active?.currentTraceparent() ?? readTraceparent(headers);
}
