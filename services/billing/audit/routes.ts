import type { FastifyInstance } from 'fastify';
import { listAudit } from '#libs/contracts/audit.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentAuditEntry } from './domain.ts';
import { listAuditEntries } from './store.ts';

export function auditRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, listAudit, async (request) => {
    const { limit, cursor, account_id: accountId, actor, action, subject } = request.query;
    const filter = { accountId, actor, action, subject, ...datesOf(request.query) };
    const rows = await listAuditEntries(database, filter, { limit: limit + 1, cursor });
    return toPage(rows, limit, presentAuditEntry);
  });
}
