import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { newWebhookSecret } from '#libs/auth/webhook-signature.ts';
import { requireFeature } from '#libs/clients/require-feature.ts';
import type { AuditAction } from '#libs/contracts/audit-entry.ts';
import * as contract from '#libs/contracts/integrations.ts';
import { toList } from '#libs/contracts/page.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { checkEndpointUrl, type EndpointPolicy } from '#libs/service/endpoint-url.ts';
import { requireManager } from '#libs/service/require-manager.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  auditedFields,
  IntegrationError,
  type IntegrationRow,
  presentIntegration,
  refuseConnection,
  secretContext,
} from './domain/integration.ts';
import { checkHubspot, hubspotCall } from './hubspot.ts';
import { checkNotion, notionCall } from './notion.ts';
import type { PublishOptions } from './publish.ts';
import { deleteIntegration, findIntegration, listIntegrations, recordUse, saveIntegration } from './store.ts';
import { sendWebhook } from './webhook.ts';

export type IntegrationRouteOptions = PublishOptions & {
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  hubspotUrl: string;
  endpointPolicy: EndpointPolicy;
};

/** `/api/integrations`: connections to external systems. */
export function integrationRoutes(app: FastifyInstance, options: IntegrationRouteOptions): void {
  const { database, runtime, secretBox, entitlements, endpointPolicy } = options;
  const { clock, newId } = runtime;

  function audit(tx: Tx, request: FastifyRequest, action: AuditAction, row: IntegrationRow): Promise<void> {
    const { accountId, provider } = row;
    const fields = auditedFields(row);
    const states =
      action === 'integration.connected' ? { before: null, after: fields } : { before: fields, after: null };
    const about = { action, subject: `integration:${provider}`, accountId, ...states, reason: null };
    return recordAudit(tx, { ...about, id: newId(), at: clock.now(), by: actorOf(request) });
  }

  function connect(
    request: FastifyRequest,
    key: Pick<IntegrationRow, 'accountId' | 'provider'>,
    { settings, secret }: { settings: Record<string, string>; secret: string },
  ): Promise<IntegrationRow> {
    return transaction(database, async (tx) => {
      const row = await saveIntegration(tx, {
        ...key,
        settings,
        secret: secretBox.seal(secret, secretContext(key)),
        connectedBy: request.internalCaller?.userId ?? null,
        connectedAt: clock.now(),
        lastUsedAt: null,
        lastError: null,
      });
      await audit(tx, request, 'integration.connected', row);
      return row;
    });
  }

  /** The account to connect. @throws ProblemError `role_required`, `feature_not_in_plan` */
  async function connectable(
    request: FastifyRequest,
    provider: contract.IntegrationProvider,
  ): Promise<string> {
    const { accountId } = requireManager(request);
    await requireFeature(entitlements, accountId, contract.INTEGRATION_FEATURES[provider]);
    return accountId;
  }

  serveOperation(app, contract.listIntegrations, async (request) => {
    const rows = await listIntegrations(database, requireManager(request).accountId);
    return toList(
      contract.INTEGRATION_PROVIDERS.map((provider) =>
        presentIntegration(
          provider,
          rows.find((row) => row.provider === provider),
        ),
      ),
    );
  });

  serveOperation(app, contract.connectNotion, async (request) => {
    const accountId = await connectable(request, 'notion');
    const { token, parent_page_id: parentPageId } = request.body;
    const baseUrl = options.notionUrl;
    await refusingConnection(() => checkNotion(notionCall({ ...options, baseUrl }, token), parentPageId));
    const settings = { parent_page_id: parentPageId };
    const row = await connect(request, { accountId, provider: 'notion' }, { settings, secret: token });
    return presentIntegration('notion', row);
  });

  serveOperation(app, contract.connectHubspot, async (request) => {
    const accountId = await connectable(request, 'hubspot');
    const { token } = request.body;
    const baseUrl = options.hubspotUrl;
    await refusingConnection(() => checkHubspot(hubspotCall({ ...options, baseUrl }, token)));
    const row = await connect(request, { accountId, provider: 'hubspot' }, { settings: {}, secret: token });
    return presentIntegration('hubspot', row);
  });

  serveOperation(app, contract.connectWebhook, async (request) => {
    const accountId = await connectable(request, 'webhook');
    const { url } = request.body;
    checkEndpointUrl(url, endpointPolicy);
    const secret = newWebhookSecret();
    const row = await connect(request, { accountId, provider: 'webhook' }, { settings: { url }, secret });
    return { ...presentIntegration('webhook', row), secret };
  });

  serveOperation(app, contract.disconnectIntegration, async (request, reply) => {
    const { accountId } = requireManager(request);
    const { provider } = request.params;
    await transaction(database, async (tx) => {
      const row = await deleteIntegration(tx, { accountId, provider });
      if (row === undefined) throw problem('not_found');
      await audit(tx, request, 'integration.disconnected', row);
    });
    return reply.code(204).send();
  });

  serveOperation(app, contract.checkIntegration, async (request) => {
    const { provider } = request.params;
    const accountId = await connectable(request, provider);
    const row = await findIntegration(database, accountId, provider);
    if (row === undefined) throw problem('not_found');
    const error = await failureOf(() => check(options, row, request.id));
    const now = clock.now();
    await recordUse(database, row, { at: now, error });
    return presentIntegration(provider, { ...row, lastUsedAt: now, lastError: error });
  });
}

async function refusingConnection(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw error instanceof IntegrationError ? refuseConnection(error) : error;
  }
}

/** Why a check failed; null if it did not. */
async function failureOf(check: () => Promise<void>): Promise<string | null> {
  try {
    await check();
    return null;
  } catch (error) {
    if (error instanceof IntegrationError) return error.message;
    throw error;
  }
}

/** @throws IntegrationError */
async function check(
  options: IntegrationRouteOptions,
  row: IntegrationRow,
  requestId: string,
): Promise<void> {
  const secret = options.secretBox.open(row.secret, secretContext(row));
  switch (row.provider) {
    case 'notion': {
      const call = notionCall({ ...options, baseUrl: options.notionUrl }, secret);
      return checkNotion(call, row.settings.parent_page_id ?? '');
    }
    case 'hubspot':
      return checkHubspot(hubspotCall({ ...options, baseUrl: options.hubspotUrl }, secret));
    case 'webhook': {
      const now = options.clock.now();
      const data = { type: 'integration.check', id: requestId, timestamp: now.toISOString() };
      const body = { ...data, account_id: row.accountId, data: {} };
      const message = { url: row.settings.url ?? '', secret, id: requestId, body };
      await sendWebhook({ http: options.http, now: () => now }, message);
    }
  }
}
