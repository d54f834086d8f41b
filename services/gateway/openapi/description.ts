/** What the document says about the API as a whole. */

const description = [
  'AI content generation by plan, with spending limits that are never passed.',
  '**Calling.** Send `Authorization: Bearer <access token or API key>`; API keys may also stand in `x-api-key`. JSON in and out, `snake_case`, times in ISO 8601 UTC, money as decimal strings in USD with nine decimals.',
  '**Spending.** Before a provider is called, the worst case of the request is held against every limit of the account; a request that does not fit is refused with `429` and costs nothing. What it really cost stands in `x-inkmeter-cost-usd`, and `GET /api/usage/requests/{request_id}` explains every decision by the `x-request-id` of its response.',
  "**Errors** are `application/problem+json` (RFC 9457) with a stable `code`; under `/v1` they have OpenAI's shape with the code in `error.problem_code`. Each code has a page under `/docs/problems`, where its `type` leads.",
  '**Compatibility.** Answers may gain fields at any time: ignore those you do not know. Requests with fields that are not described here are refused.',
  '**A typed client for TypeScript**: `npx openapi-typescript openapi.yaml --default-non-nullable=false -o api.ts`, used with `openapi-fetch`.',
].join('\n\n');

/** In the order of the document; every tag of an operation must be one of these. */
export const TAGS = [
  {
    name: 'OpenAI-compatible',
    description: 'Point an OpenAI SDK here: any model of any provider, in its format.',
  },
  { name: 'Generation', description: 'Content made by pipelines of several provider calls.' },
  { name: 'Images', description: 'Pictures for posts, and what the plan lets them be.' },
  {
    name: 'Usage',
    description: 'What was used, what is left, and why each request was admitted or refused.',
  },
  { name: 'Social', description: 'Accounts at social networks, and posts published through them.' },
  { name: 'Knowledge base', description: 'Texts that content is written with in mind.' },
  { name: 'Plans', description: 'What there is to choose from, and what it costs.' },
  { name: 'Identity', description: 'Signing up, signing in, and who one is.' },
  { name: 'Members', description: 'The people of an account.' },
  { name: 'Workspaces', description: 'Parts of an account that are told apart in usage.' },
  { name: 'API keys', description: 'Credentials for programs that act for an account.' },
  { name: 'Admin', description: 'For platform staff.' },
  { name: 'Service', description: 'Whether it lives, and this document.' },
] as const;

export const SECURITY_SCHEMES = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Access token of a person, from `POST /api/auth/login` or from a configured outside issuer.',
  },
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'ik_live_…',
    description: 'API key of an account. An operation names the scope that a key needs for it.',
  },
  apiKeyHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'The same API key, for clients that cannot set `Authorization`.',
  },
} as const;

export const INFO = {
  title: 'Inkmeter',
  version: '0.1.0',
  summary: 'Metered AI content generation.',
  description,
  license: { name: 'MIT', identifier: 'MIT' },
};

export const SERVERS = [
  { url: '/', description: 'The server that this document came from.' },
  { url: 'http://localhost:8080', description: 'Started with `npm start`.' },
];
