import type { FastifyInstance } from 'fastify';
import { listAudit } from '#libs/contracts/audit.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentAuditEntry } from './domain.ts';
import { listAuditEntries } from './store.ts';

export function auditRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, listAudit, async (request) => {
    const { limit, cursor, account_id: accountId, actor, action, subject, from, to } = request.query;
    const filter = { accountId, actor, action, subject, from: instantOf(from), to: instantOf(to) };
    const rows = await listAuditEntries(database, filter, { limit: limit + 1, cursor });
    return toPage(rows, limit, presentAuditEntry);
  });
}

function instantOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
