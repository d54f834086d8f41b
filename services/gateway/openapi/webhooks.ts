/** The section `webhooks` of the document: the messages that endpoints of accounts receive. */
import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import {
  exampleMessage,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_EVENTS,
  type WebhookEventType,
  webhookMessage,
} from '#libs/contracts/webhook-events.ts';

/** The generator knows paths only: each event is one until it is moved. */
const pathOf = (type: WebhookEventType) => `/webhooks/${type}`;

const HEADERS = z.object({
  'webhook-id': z
    .uuid()
    .describe('Of the delivery, the same in every attempt: ignore one that you have seen.'),
  'webhook-timestamp': z
    .string()
    .describe('Unix seconds of the attempt. Refuse messages that are minutes old.'),
  'webhook-signature': z
    .string()
    .describe('`v1,` and the HMAC-SHA256 in base64; two of them after a rotation of the secret.'),
});

/** `generation.completed` is `GenerationCompletedEvent`. */
const schemaName = (type: string) =>
  `${type.replaceAll(/(?:^|[._])([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`;

/** Routes that are never called, for the generator to read. */
export function webhookRoutes(): RouteOptions[] {
  return WEBHOOK_EVENT_TYPES.map((type) => ({
    method: 'POST',
    url: pathOf(type),
    schema: {
      operationId: `receive${schemaName(type)}`,
      summary: WEBHOOK_EVENTS[type].summary,
      tags: ['Webhooks'],
      security: [],
      headers: HEADERS,
      body: webhookMessage(type, WEBHOOK_EVENTS[type].data).meta({ id: schemaName(type) }),
      response: {
        '2xx': z.null().describe('Accepted. Any other answer, and none within ten seconds, is repeated.'),
      },
    },
    handler: async () => undefined,
  }));
}

type PathItem = Record<string, { requestBody?: { content: Record<string, { example?: unknown }> } }>;

/** Moves the events out of the paths of a generated document, and adds their examples. */
export function takeWebhooks(document: { paths: Record<string, object> }): Record<string, object> {
  const webhooks: Record<string, object> = {};
  for (const type of WEBHOOK_EVENT_TYPES) {
    const item = document.paths[pathOf(type)] as PathItem;
    delete document.paths[pathOf(type)];
    const media = item.post?.requestBody?.content['application/json'];
    if (media !== undefined) media.example = exampleMessage(type);
    webhooks[type] = item;
  }
  return webhooks;
}
