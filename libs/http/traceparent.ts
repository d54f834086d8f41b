/** W3C Trace Context, version 00 or later: no invalid version, trace or parent. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The `traceparent` of a request, to be passed on; undefined if it has none that is valid.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function readTraceparent({ traceparent }: NodeJS.Dict<string | string[]>): string | undefined {
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
}
