import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { newWebhookSecret } from '#libs/auth/webhook-signature.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { requireFeature } from '#libs/clients/require-feature.ts';
import type { AuditAction, AuditState } from '#libs/contracts/audit-entry.ts';
import { toPage } from '#libs/contracts/page.ts';
import * as contract from '#libs/contracts/webhooks.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { checkEndpointUrl, type EndpointPolicy } from '#libs/service/endpoint-url.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkEndpointCount, checkMayManageEndpoints, type EndpointRow } from './domain/endpoints.ts';
import { secretContext } from './domain/signature.ts';
import { presentEndpoint } from './present.ts';
import {
  countEndpoints,
  deleteEndpoint,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  lockEndpoint,
  updateEndpoint,
} from './store.ts';

export type WebhookRouteOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  policy: EndpointPolicy;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
  secretBox: SecretBox;
};

/** The account whose endpoints the caller manages. @throws ProblemError `role_required` */
export function managedAccount(request: FastifyRequest): string {
  const caller = callerOf(request);
  checkMayManageEndpoints(caller);
  return caller.accountId;
}

/** `/api/webhook-endpoints`, without their deliveries. */
export function endpointRoutes(app: FastifyInstance, options: WebhookRouteOptions): void {
  const { database, runtime, policy, entitlements, secretBox } = options;
  const { clock, newId } = runtime;

  function audit(
    tx: Tx,
    request: FastifyRequest,
    action: AuditAction,
    { id, accountId }: EndpointRow,
    states: { before: AuditState; after: AuditState },
  ): Promise<void> {
    const about = { action, subject: `webhook_endpoint:${id}`, accountId, ...states, reason: null };
    return recordAudit(tx, { ...about, id: newId(), at: clock.now(), by: actorOf(request) });
  }

  /** Changes one endpoint under its lock, and records it. */
  function change(
    request: FastifyRequest,
    endpointId: string,
    action: AuditAction,
    of: (endpoint: EndpointRow, now: Date) => Partial<EndpointRow>,
  ): Promise<EndpointRow> {
    const accountId = managedAccount(request);
    return transaction(database, async (tx) => {
      const found = await lockEndpoint(tx, accountId, endpointId);
      if (found === undefined) throw problem('not_found');
      const now = clock.now();
      const changed = await updateEndpoint(tx, found.id, { ...of(found, now), updatedAt: now });
      await audit(tx, request, action, found, {
        before: auditedFields(found),
        after: auditedFields(changed),
      });
      return changed;
    });
  }

  serveOperation(app, contract.createWebhookEndpoint, async (request, reply) => {
    const accountId = managedAccount(request);
    const { url, description, event_types: eventTypes } = request.body;
    await requireFeature(entitlements, accountId, 'webhooks');
    checkEndpointUrl(url, policy);
    const now = clock.now();
    const id = newId();
    const secret = newWebhookSecret();
    const sealed = secretBox.seal(secret, secretContext(id));
    const created = await transaction(database, async (tx) => {
      checkEndpointCount(await countEndpoints(tx, accountId));
      const row = { id, accountId, url, description, eventTypes, secret: sealed };
      const endpoint = await insertEndpoint(tx, { ...row, createdAt: now, updatedAt: now });
      const after = auditedFields(endpoint);
      await audit(tx, request, 'webhook_endpoint.created', endpoint, { before: null, after });
      return endpoint;
    });
    reply.code(201);
    return { ...presentEndpoint(created), secret };
  });

  serveOperation(app, contract.listWebhookEndpoints, async (request) => {
    const rows = await listEndpoints(database, managedAccount(request), request.query);
    return toPage(rows, request.query.limit, presentEndpoint);
  });

  serveOperation(app, contract.getWebhookEndpoint, async (request) => {
    const endpoint = await findEndpoint(database, managedAccount(request), request.params.id);
    if (endpoint === undefined) throw problem('not_found');
    return presentEndpoint(endpoint);
  });

  serveOperation(app, contract.changeWebhookEndpoint, async (request) => {
    const { url, description, event_types: eventTypes, status } = request.body;
    if (url !== undefined) checkEndpointUrl(url, policy);
    const changed = await change(request, request.params.id, 'webhook_endpoint.changed', () => ({
      ...(url !== undefined && { url }),
      ...(description !== undefined && { description }),
      ...(eventTypes !== undefined && { eventTypes }),
      ...(status === 'enabled' && { status, disabledReason: null, failingSince: null }),
      ...(status === 'disabled' && { status, disabledReason: 'request' as const }),
    }));
    return presentEndpoint(changed);
  });

  serveOperation(app, contract.rotateWebhookSecret, async (request) => {
    const overlapMs = request.body.overlap_seconds * 1_000;
    const secret = newWebhookSecret();
    const rotated = await change(
      request,
      request.params.id,
      'webhook_endpoint.secret_rotated',
      (endpoint, now) => ({
        secret: secretBox.seal(secret, secretContext(endpoint.id)),
        previousSecret: overlapMs === 0 ? null : endpoint.secret,
        previousSecretUntil: overlapMs === 0 ? null : new Date(now.getTime() + overlapMs),
      }),
    );
    return { ...presentEndpoint(rotated), secret };
  });

  serveOperation(app, contract.deleteWebhookEndpoint, async (request, reply) => {
    const accountId = managedAccount(request);
    await transaction(database, async (tx) => {
      const found = await lockEndpoint(tx, accountId, request.params.id);
      if (found === undefined) throw problem('not_found');
      await deleteEndpoint(tx, found.id);
      const before = auditedFields(found);
      await audit(tx, request, 'webhook_endpoint.deleted', found, { before, after: null });
    });
    return reply.code(204).send();
  });
}

/** Without the secrets. */
const auditedFields = ({ url, description, eventTypes, status, previousSecretUntil }: EndpointRow) => ({
  url,
  description,
  event_types: eventTypes,
  status,
  previous_secret_expires_at: previousSecretUntil,
});
