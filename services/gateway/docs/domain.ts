/** Routes of vendors' APIs that do not exist here, and what to use instead. */
const ALTERNATIVES: readonly [path: RegExp, use: string][] = [
  [/^\/v1\/images\//, 'Use POST /api/images/generate.'],
  [/^\/v1\/(?:assistants|threads)/, 'Use POST /v1/responses.'],
  [/^\/v1\/completions/, 'Use POST /v1/chat/completions.'],
  [/^\/v1\/(?:batches|messages\/batches)/, 'Send the requests one by one.'],
  [/^\/v1\/responses\/[^/]+\/(?:cancel|input_items)/, 'Use GET /v1/responses/{response_id}.'],
  [/^\/v1beta\//, 'Use POST /v1/chat/completions, which serves the same models.'],
  [
    /^\/v1\/(?:audio|files|vector_stores|fine_tuning|realtime|videos|containers|conversations)/,
    'It is not built yet.',
  ],
];

/** The message for a URL without a route. */
export function describeMissingRoute(method: string, path: string): string {
  const [, use] = ALTERNATIVES.find(([pattern]) => pattern.test(path)) ?? [];
  const missing = `There is no ${method} ${path}.`;
  return use === undefined ? `${missing} The API reference is at /docs.` : `${missing} ${use}`;
}
