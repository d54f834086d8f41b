/** `/api/webhook-endpoints`: addresses at which an account receives events. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { EXAMPLE_ACCOUNT, exampleMessage, WEBHOOK_EVENT_TYPES } from './webhook-events.ts';

const PATH = '/api/webhook-endpoints';
const tags = ['Webhooks'];
const SECONDS_PER_DAY = 86_400;

const url = z
  .url()
  .max(500)
  .describe('An https address on the public internet, without credentials. Redirects are not followed.');
const description = z.string().max(200);
const eventTypes = z
  .array(z.enum(WEBHOOK_EVENT_TYPES))
  .max(WEBHOOK_EVENT_TYPES.length)
  .describe('The types of events that it receives. Empty means all, including types added later.');

const endpointShape = {
  id: z.uuid(),
  account_id: z.uuid(),
  url: z.string(),
  description: z.string(),
  event_types: z.array(z.string()).describe('Empty means all.'),
  status: z.enum(['enabled', 'disabled']),
  disabled_reason: z
    .enum(['request', 'failing', 'gone'])
    .nullable()
    .describe('`failing`: no delivery has succeeded for five days. `gone`: it answered 410.'),
  failing_since: instant.nullable().describe('The first failure since the last success.'),
  previous_secret_expires_at: instant
    .nullable()
    .describe('Until when messages are also signed with the secret before the last rotation.'),
  created_at: instant,
  updated_at: instant,
};
const endpoint = z.object(endpointShape).meta({ id: 'WebhookEndpoint' });
const endpointWithSecret = z
  .object({
    ...endpointShape,
    secret: z.string().describe('Verifies signatures. Shown only in this response.'),
  })
  .meta({ id: 'WebhookEndpointWithSecret' });

export type WebhookEndpointWire = z.infer<typeof endpoint>;

const delivery = z
  .object({
    id: z.uuid().describe('Sent as `webhook-id`, the same in every attempt.'),
    endpoint_id: z.uuid(),
    event_id: z.uuid(),
    event_type: z.string(),
    status: z
      .enum(['pending', 'delivered', 'dead'])
      .describe('`dead`: no further attempt is planned; replay it.'),
    attempts: count.describe('Since it was created or replayed.'),
    next_attempt_at: instant.nullable(),
    last_error: z.string().nullable(),
    created_at: instant.describe('When the event happened.'),
    delivered_at: instant.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDeliveryWire = z.infer<typeof delivery>;

const deliveryDetails = delivery
  .extend({
    message: z.record(z.string(), z.unknown()).describe('The body that is sent.'),
    log: z.array(
      z.object({
        attempted_at: instant,
        duration_ms: count,
        response_status: z.int().nullable().describe('Null if there was no response.'),
        response_body: z.string().nullable().describe('Its first 2,048 characters.'),
        error: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'WebhookDeliveryDetails' });
export type WebhookDeliveryDetailsWire = z.infer<typeof deliveryDetails>;

const exampleEndpoint: WebhookEndpointWire = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d70',
  account_id: EXAMPLE_ACCOUNT,
  url: 'https://hooks.example.com/inkmeter',
  description: 'Billing service',
  event_types: ['usage.threshold', 'subscription.changed'],
  status: 'enabled',
  disabled_reason: null,
  failing_since: null,
  previous_secret_expires_at: null,
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
};
const exampleSecret = 'whsec_<Base64>';
const exampleDelivery: WebhookDeliveryWire = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d71',
  endpoint_id: exampleEndpoint.id,
  event_id: exampleMessage('usage.threshold').id,
  event_type: 'usage.threshold',
  status: 'pending',
  attempts: 1,
  next_attempt_at: '2026-11-20T12:00:05.000Z',
  last_error: 'The receiver answered 503.',
  created_at: '2026-11-20T12:00:00.000Z',
  delivered_at: null,
};

const params = z.object({ id: z.uuid() });
const deliveryParams = z.object({ id: z.uuid(), delivery_id: z.uuid() });
const PROBLEMS = [...USER_PROBLEMS, 'role_required'] as const;

export const createWebhookEndpoint = defineOperation({
  operationId: 'createWebhookEndpoint',
  method: 'POST',
  path: PATH,
  summary: 'Create a webhook endpoint',
  description:
    'Messages follow Standard Webhooks: verify `webhook-signature` with a library of standardwebhooks.com and the secret of this response. A 2xx answer within ten seconds accepts a message; anything else is repeated over about a day. For owners and admins.',
  tags,
  auth: 'user',
  headers: idempotencyHeaders,
  body: z
    .strictObject({ url, description: description.default(''), event_types: eventTypes.default([]) })
    .meta({ id: 'CreateWebhookEndpointRequest' }),
  bodyExample: {
    url: exampleEndpoint.url,
    description: exampleEndpoint.description,
    event_types: exampleEndpoint.event_types,
  },
  responses: {
    201: {
      description: 'The endpoint with its secret.',
      schema: endpointWithSecret,
      example: { ...exampleEndpoint, secret: exampleSecret },
    },
    ...problemResponses(...PROBLEMS, 'feature_not_in_plan', 'semantic_error', 'conflict'),
  },
});

export const listWebhookEndpoints = defineOperation({
  operationId: 'listWebhookEndpoints',
  method: 'GET',
  path: PATH,
  summary: 'List webhook endpoints',
  description: 'Newest first, without their secrets. For owners and admins.',
  tags,
  auth: 'user',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page of endpoints.',
      schema: page(endpoint).meta({ id: 'WebhookEndpointPage' }),
      example: { data: [exampleEndpoint], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const getWebhookEndpoint = defineOperation({
  operationId: 'getWebhookEndpoint',
  method: 'GET',
  path: `${PATH}/{id}`,
  summary: 'Get a webhook endpoint',
  tags,
  auth: 'user',
  params,
  responses: {
    200: { description: 'The endpoint, without its secret.', schema: endpoint, example: exampleEndpoint },
    ...problemResponses(...PROBLEMS, 'not_found'),
  },
});

export const changeWebhookEndpoint = defineOperation({
  operationId: 'changeWebhookEndpoint',
  method: 'PATCH',
  path: `${PATH}/{id}`,
  summary: 'Change, disable or enable a webhook endpoint',
  description:
    'Events that happen while an endpoint is disabled are not stored for it. Deliveries that were planned become `dead`; replay them once it is enabled.',
  tags,
  auth: 'user',
  params,
  body: z
    .strictObject({
      url: url.optional(),
      description: description.optional(),
      event_types: eventTypes.optional(),
      status: z.enum(['enabled', 'disabled']).optional(),
    })
    .refine((body) => Object.keys(body).length > 0, 'set at least one field')
    .meta({ id: 'ChangeWebhookEndpointRequest' }),
  bodyExample: { status: 'enabled' },
  responses: {
    200: { description: 'The endpoint after the change.', schema: endpoint, example: exampleEndpoint },
    ...problemResponses(...PROBLEMS, 'not_found', 'semantic_error'),
  },
});

export const deleteWebhookEndpoint = defineOperation({
  operationId: 'deleteWebhookEndpoint',
  method: 'DELETE',
  path: `${PATH}/{id}`,
  summary: 'Delete a webhook endpoint',
  description: 'With its deliveries and their log.',
  tags,
  auth: 'user',
  params,
  responses: { 204: { description: 'Deleted.' }, ...problemResponses(...PROBLEMS, 'not_found') },
});

export const rotateWebhookSecret = defineOperation({
  operationId: 'rotateWebhookSecret',
  method: 'POST',
  path: `${PATH}/{id}/rotate-secret`,
  summary: 'Replace the secret of a webhook endpoint',
  description: 'Until the overlap has passed, each message carries the signatures of both secrets.',
  tags,
  auth: 'user',
  params,
  headers: idempotencyHeaders,
  body: z
    .strictObject({
      overlap_seconds: z
        .int()
        .min(0)
        .max(7 * SECONDS_PER_DAY)
        .default(SECONDS_PER_DAY)
        .describe('How long the present secret still signs.'),
    })
    .meta({ id: 'RotateWebhookSecretRequest' }),
  bodyExample: { overlap_seconds: SECONDS_PER_DAY },
  responses: {
    200: {
      description: 'The endpoint with its new secret.',
      schema: endpointWithSecret,
      example: {
        ...exampleEndpoint,
        previous_secret_expires_at: '2026-11-21T12:00:00.000Z',
        secret: exampleSecret,
      },
    },
    ...problemResponses(...PROBLEMS, 'not_found'),
  },
});

export const testWebhookEndpoint = defineOperation({
  operationId: 'testWebhookEndpoint',
  method: 'POST',
  path: `${PATH}/{id}/test`,
  summary: 'Send a test event to a webhook endpoint',
  description:
    'Of the type `webhook.test`, even if the endpoint receives other types only. Its delivery has the answer.',
  tags,
  auth: 'user',
  params,
  headers: idempotencyHeaders,
  responses: {
    202: {
      description: 'The delivery, which follows.',
      schema: delivery,
      example: { ...exampleDelivery, event_type: 'webhook.test', attempts: 0, last_error: null },
    },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict'),
  },
});

export const listWebhookDeliveries = defineOperation({
  operationId: 'listWebhookDeliveries',
  method: 'GET',
  path: `${PATH}/{id}/deliveries`,
  summary: 'Deliveries of a webhook endpoint',
  description: 'Newest first. They are deleted 30 days after the event.',
  tags,
  auth: 'user',
  params,
  querystring: pageQuery.extend({
    status: z.enum(['pending', 'delivered', 'dead']).optional(),
    event_type: z.enum(WEBHOOK_EVENT_TYPES).optional(),
  }),
  responses: {
    200: {
      description: 'One page of deliveries.',
      schema: page(delivery).meta({ id: 'WebhookDeliveryPage' }),
      example: { data: [exampleDelivery], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS, 'not_found'),
  },
});

export const getWebhookDelivery = defineOperation({
  operationId: 'getWebhookDelivery',
  method: 'GET',
  path: `${PATH}/{id}/deliveries/{delivery_id}`,
  summary: 'A delivery with its message and the answer to each attempt',
  tags,
  auth: 'user',
  params: deliveryParams,
  responses: {
    200: {
      description: 'The delivery.',
      schema: deliveryDetails,
      example: {
        ...exampleDelivery,
        message: exampleMessage('usage.threshold'),
        log: [
          {
            attempted_at: '2026-11-20T12:00:00.000Z',
            duration_ms: 112,
            response_status: 503,
            response_body: 'Service Unavailable',
            error: 'The receiver answered 503.',
          },
        ],
      },
    },
    ...problemResponses(...PROBLEMS, 'not_found'),
  },
});

export const replayWebhookDelivery = defineOperation({
  operationId: 'replayWebhookDelivery',
  method: 'POST',
  path: `${PATH}/{id}/deliveries/{delivery_id}/replay`,
  summary: 'Send a delivery again',
  description: 'At once, with the same `webhook-id`, and with all its attempts.',
  tags,
  auth: 'user',
  params: deliveryParams,
  headers: idempotencyHeaders,
  responses: {
    202: {
      description: 'The delivery, which follows.',
      schema: delivery,
      example: { ...exampleDelivery, attempts: 0 },
    },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict'),
  },
});

export const replayWebhookDeliveries = defineOperation({
  operationId: 'replayWebhookDeliveries',
  method: 'POST',
  path: `${PATH}/{id}/replay`,
  summary: 'Send all deliveries again that failed',
  description:
    'Those that are `dead`, of events since a time; at most 10,000 with one request, the oldest first.',
  tags,
  auth: 'user',
  params,
  headers: idempotencyHeaders,
  body: z
    .strictObject({ since: z.iso.datetime({ offset: true }) })
    .meta({ id: 'ReplayWebhookDeliveriesRequest' }),
  bodyExample: { since: '2026-11-15T00:00:00Z' },
  responses: {
    202: {
      description: 'How many follow.',
      schema: z.object({ replayed: count }).meta({ id: 'ReplayedWebhookDeliveries' }),
      example: { replayed: 42 },
    },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict'),
  },
});

export const webhookOperations = [
  createWebhookEndpoint,
  listWebhookEndpoints,
  getWebhookEndpoint,
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  rotateWebhookSecret,
  testWebhookEndpoint,
  listWebhookDeliveries,
  getWebhookDelivery,
  replayWebhookDelivery,
  replayWebhookDeliveries,
] as const;
