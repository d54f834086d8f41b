import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { type FeatureSource, requireFeature } from '#libs/clients/require-feature.ts';
import type { AuditState } from '#libs/contracts/audit-entry.ts';
import * as contract from '#libs/contracts/branding.ts';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { requireRole } from '../auth/domain.ts';
import { type BrandingRow, checkContrast, presentBranding } from './domain.ts';
import { deleteBranding, findBranding, saveBranding } from './store.ts';

export type BrandingOptions = { database: Database; runtime: Runtime; entitlements: FeatureSource };

/** `/api/branding`: the brand of an account. */
export function brandingRoutes(
  app: FastifyInstance,
  { database, runtime, entitlements }: BrandingOptions,
): void {
  function audit(
    tx: Tx,
    { id: requestId, caller }: FastifyRequest,
    states: { before: AuditState; after: AuditState },
  ): Promise<void> {
    const { accountId, userId } = caller;
    return recordAudit(tx, {
      id: runtime.newId(),
      at: runtime.clock.now(),
      by: { actor: userId ?? accountId, requestId },
      action: states.after === null ? 'branding.deleted' : 'branding.set',
      subject: `account:${accountId}`,
      accountId,
      ...states,
      reason: null,
    });
  }

  serveOperation(app, contract.getBranding, async ({ caller: { accountId } }) => {
    await requireFeature(entitlements, accountId, contract.WHITE_LABEL);
    const row = await findBranding(database, accountId);
    if (row === undefined) throw problem('not_found');
    return presentBranding(row);
  });

  serveOperation(app, contract.setBranding, async (request) => {
    const { caller, body } = request;
    requireRole(caller, MANAGER_ROLES);
    const { accountId } = caller;
    await requireFeature(entitlements, accountId, contract.WHITE_LABEL);
    checkContrast(body.primary_colour);
    const row: BrandingRow = {
      accountId,
      productName: body.product_name,
      logoUrl: body.logo_url,
      primaryColour: body.primary_colour,
      supportEmail: body.support_email,
      websiteUrl: body.website_url,
      updatedAt: runtime.clock.now(),
    };
    await transaction(database, async (tx) => {
      const before = await findBranding(tx, accountId);
      await saveBranding(tx, row);
      await audit(tx, request, {
        before: before === undefined ? null : auditedFields(before),
        after: auditedFields(row),
      });
    });
    return presentBranding(row);
  });

  serveOperation(app, contract.deleteBranding, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    await transaction(database, async (tx) => {
      const deleted = await deleteBranding(tx, caller.accountId);
      if (deleted === undefined) throw problem('not_found');
      await audit(tx, request, { before: auditedFields(deleted), after: null });
    });
    return reply.code(204).send();
  });
}

const MAX_AUDITED_URL = 200;

/** An image is shortened. */
function auditedFields(row: BrandingRow): AuditState {
  const { updated_at: _, logo_url: logo, ...fields } = presentBranding(row);
  return { ...fields, logo_url: logo === null ? null : logo.slice(0, MAX_AUDITED_URL) };
}
