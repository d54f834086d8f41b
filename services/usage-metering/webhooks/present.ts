import type {
  WebhookDeliveryDetailsWire,
  WebhookDeliveryWire,
  WebhookEndpointWire,
} from '#libs/contracts/webhooks.ts';
import type { AttemptRow, DeliveryView } from './deliveries-store.ts';
import type { EndpointRow } from './domain/endpoints.ts';
import { messageOf } from './domain/message.ts';

export function presentEndpoint(endpoint: EndpointRow): WebhookEndpointWire {
  return {
    id: endpoint.id,
    account_id: endpoint.accountId,
    url: endpoint.url,
    description: endpoint.description,
    event_types: endpoint.eventTypes,
    status: endpoint.status,
    disabled_reason: endpoint.disabledReason,
    failing_since: endpoint.failingSince?.toISOString() ?? null,
    previous_secret_expires_at: endpoint.previousSecretUntil?.toISOString() ?? null,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}

export function presentDelivery({ delivery, event }: Omit<DeliveryView, 'id'>): WebhookDeliveryWire {
  return {
    id: delivery.id,
    endpoint_id: delivery.target,
    event_id: event.id,
    event_type: event.type,
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
    last_error: delivery.lastError,
    created_at: event.createdAt.toISOString(),
    delivered_at: delivery.deliveredAt?.toISOString() ?? null,
  };
}

export function presentDetails(
  view: DeliveryView,
  attempts: readonly AttemptRow[],
): WebhookDeliveryDetailsWire {
  return {
    ...presentDelivery(view),
    message: messageOf(view.event),
    log: attempts.map((attempt) => ({
      attempted_at: attempt.attemptedAt.toISOString(),
      duration_ms: attempt.durationMs,
      response_status: attempt.responseStatus,
      response_body: attempt.responseBody,
      error: attempt.error,
    })),
  };
}
