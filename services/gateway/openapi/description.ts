/** The general part of the OpenAPI document. */

const description = [
  'AI content generation by plan, with spending limits that are never exceeded.',
  '**Calling.** Send `Authorization: Bearer <access token or API key>`; API keys may also be sent in `x-api-key`. Requests and responses are JSON in `snake_case`, with times in ISO 8601 UTC and money as decimal strings in USD with nine decimals.',
  '**Shapes.** One object is the body itself. A list is `{"data": […], "next_cursor": …}`: send `next_cursor` as `cursor` to read the next page, until it is `null`. Only the routes under `/api/subscription` wrap their result, as `{"success": true, "data": …}`.',
  '**Spending.** Before a provider is called, the maximum cost of the request is held against every limit of the account. A request that does not fit is refused with `429` and costs nothing. `x-inkmeter-cost-usd` is the actual cost, and `GET /api/usage/requests/{request_id}` explains the decision for the `x-request-id` of a response.',
  "**Errors** are `application/problem+json` (RFC 9457) with a stable `code`; under `/v1` they have OpenAI's format, and under `/v1/messages` Anthropic's, with the code in `error.problem_code`; under `/v1beta` they have Google's, with the code in `error.details`. The `type` of a problem is the URL of its documentation page, under `/docs/problems`.",
  '**Compatibility.** Responses may gain fields at any time: ignore unknown fields. Requests with fields that are not described here are refused.',
  '**A typed client for TypeScript**: `npx openapi-typescript openapi.yaml --default-non-nullable=false -o api.ts`, used with `openapi-fetch`.',
].join('\n\n');

/** The tags of operations, in the order of the document. */
export const TAGS = [
  {
    name: 'OpenAI-compatible',
    description: 'For OpenAI SDKs: any model of any provider, in the format of OpenAI.',
  },
  {
    name: 'Anthropic-compatible',
    description: 'For Anthropic SDKs and Claude Code: any model of any provider, in the format of Anthropic.',
  },
  {
    name: 'Gemini-compatible',
    description: "For Google's SDKs: any model of any provider, in the format of Gemini.",
  },
  { name: 'Generation', description: 'Content created by pipelines of several provider calls.' },
  { name: 'Research', description: 'Sources from the web.' },
  { name: 'Images', description: 'Images for posts, and the options that the plan includes.' },
  {
    name: 'Usage',
    description: 'Usage, remaining amounts, and why each request was admitted or refused.',
  },
  {
    name: 'Metering',
    description:
      "For customers' own backends: check, hold and settle what they do themselves, on the same limits.",
  },
  {
    name: 'Alerts',
    description: 'What needs attention: limits, costs, payments, and how users are notified.',
  },
  {
    name: 'Webhooks',
    description: 'Events sent to addresses of the account. The section `webhooks` describes each of them.',
  },
  { name: 'Branding', description: "The brand that an account shows instead of the product's." },
  {
    name: 'Integrations',
    description: 'External systems: documents are published there, and contacts are read there.',
  },
  { name: 'Social', description: 'Connections to social networks, and posts published through them.' },
  { name: 'Autopilots', description: 'Posts that are written on a schedule.' },
  { name: 'Inbox', description: 'Messages from social networks, with drafted replies.' },
  { name: 'Instructions', description: 'Brand voices and prompts that content follows.' },
  { name: 'Knowledge base', description: 'Texts that are used as context when content is generated.' },
  { name: 'Plans', description: 'The plans on offer, their prices, and the plan of the account.' },
  { name: 'Billing', description: 'Payments through a payment provider: checkout, portal, invoices, seats.' },
  { name: 'Identity', description: 'Sign-up, sign-in, sessions and the current user.' },
  { name: 'Members', description: 'The users of an account.' },
  { name: 'Workspaces', description: 'Parts of an account with separate usage.' },
  { name: 'API keys', description: 'Credentials for programs that act for an account.' },
  { name: 'Admin', description: 'For platform staff.' },
  { name: 'Service', description: 'Health checks and this document.' },
] as const;

export const SECURITY_SCHEMES = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Access token of a user, from `POST /api/auth/login` or from a configured external issuer.',
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
