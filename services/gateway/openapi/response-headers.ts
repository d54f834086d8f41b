import { LIMIT_STATES } from '#libs/catalogue/limit.ts';

/** Response headers, and the responses that have them. */

type Header = {
  name: string;
  description: string;
  schema: {
    type: 'string' | 'integer';
    format?: string;
    pattern?: string;
    enum?: string[];
    minimum?: number;
  };
  example: string | number;
};

const text = { type: 'string' } as const;

/** By the name of their component. */
const HEADERS = {
  RequestId: {
    name: 'x-request-id',
    description:
      'The id of this request, to quote to support and to look up with `GET /api/usage/requests/{id}`.',
    schema: { type: 'string', format: 'uuid' },
    example: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  },
  CostUsd: {
    name: 'x-inkmeter-cost-usd',
    description:
      'What the request cost, in USD with nine decimals. Absent from streams, whose head is sent before.',
    schema: { ...text, pattern: String.raw`^\d+\.\d{9}$` },
    example: '0.000500400',
  },
  Tokens: {
    name: 'x-inkmeter-tokens',
    description: 'Tokens of all classes that the request used. Absent from streams.',
    schema: { ...text, pattern: String.raw`^\d+$` },
    example: '1143',
  },
  BudgetState: {
    name: 'x-inkmeter-budget-state',
    description: 'The state of the limit nearest to its end, after this request. Absent from streams.',
    schema: { ...text, enum: [...LIMIT_STATES] },
    example: 'ok',
  },
  FittedOutputTokens: {
    name: 'x-inkmeter-fitted-output-tokens',
    description: 'The output cap that `fit_budget` lowered the request to; absent where it fitted as it was.',
    schema: { ...text, pattern: String.raw`^\d+$` },
    example: '512',
  },
  Plan: {
    name: 'x-inkmeter-plan',
    description: 'The plan that the request was served under.',
    schema: text,
    example: 'starter',
  },
  Model: {
    name: 'x-inkmeter-model',
    description:
      'The model that answered. With `model: auto` it may be a fallback; a model that the request names is never replaced. Absent from streams, and where several models answered in turn.',
    schema: text,
    example: 'gpt-4o-mini',
  },
  Degraded: {
    name: 'x-inkmeter-degraded',
    description:
      'What `allow_degraded` replaced because the plan does not include it; absent where nothing was.',
    schema: text,
    example: 'model=gpt-4o-mini (asked gpt-5)',
  },
  Ignored: {
    name: 'x-inkmeter-ignored',
    description:
      'Parameters that the model cannot take and that cost nothing: left out, or capped as `name=value`. Absent where there were none.',
    schema: text,
    example: 'seed, temperature=1',
  },
  IdempotentReplayed: {
    name: 'idempotent-replayed',
    description:
      '`true` when this is the answer that an earlier request with the same `Idempotency-Key` got.',
    schema: { ...text, enum: ['true'] },
    example: 'true',
  },
  RateLimit: {
    name: 'ratelimit',
    description: 'What is left of the tightest limit (`r`) and in how many seconds it resets (`t`).',
    schema: text,
    example: '"cost/month";r=39995279000;t=853200',
  },
  RateLimitPolicy: {
    name: 'ratelimit-policy',
    description: 'That limit: its quota (`q`; of `cost`, in nano-USD) and its window in seconds (`w`).',
    schema: text,
    example: '"cost/month";q=40000000000',
  },
  RetryAfter: {
    name: 'retry-after',
    description: 'Seconds after which to try again, where waiting helps.',
    schema: { type: 'integer', minimum: 0 },
    example: 2,
  },
  ShouldRetry: {
    name: 'x-should-retry',
    description: '`false` where repeating the request cannot help; the SDKs of OpenAI and Anthropic obey it.',
    schema: { ...text, enum: ['false'] },
    example: 'false',
  },
  WwwAuthenticate: {
    name: 'www-authenticate',
    description: 'How to authenticate (RFC 6750).',
    schema: text,
    example: 'Bearer error="invalid_token"',
  },
} satisfies Record<string, Header>;

type HeaderName = keyof typeof HEADERS;

/** The `components.headers` of the document. */
export const HEADER_COMPONENTS = Object.fromEntries(
  Object.entries(HEADERS).map(([component, { name: _, ...header }]) => [component, header]),
);

const FIGURES: readonly HeaderName[] = ['CostUsd', 'Tokens', 'BudgetState'];
const LIMITS: readonly HeaderName[] = ['RateLimit', 'RateLimitPolicy'];
const OF_STATUS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WwwAuthenticate'],
  409: ['RetryAfter', 'ShouldRetry'],
  429: [...LIMITS, 'RetryAfter', 'ShouldRetry'],
  503: ['RetryAfter', 'ShouldRetry'],
};

/** The headers of one response, as references into {@link HEADER_COMPONENTS}. */
export function responseHeaders(
  status: number,
  operation: { isMetered: boolean; isLimited: boolean },
): Record<string, { $ref: string }> {
  const succeeded = status < 300;
  const components: readonly HeaderName[] = [
    'RequestId',
    ...(succeeded && operation.isMetered
      ? ([
          ...FIGURES,
          'Model',
          'FittedOutputTokens',
          'Plan',
          'Degraded',
          'Ignored',
          'IdempotentReplayed',
        ] as const)
      : []),
    ...(succeeded && operation.isLimited ? LIMITS : []),
    ...(OF_STATUS[status] ?? []),
  ];
  return Object.fromEntries(
    components.map((component) => [HEADERS[component].name, { $ref: `#/components/headers/${component}` }]),
  );
}
