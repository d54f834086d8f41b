import type { FastifyInstance } from 'fastify';
import { listAudit } from '#libs/contracts/audit.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { toPage } from '#libs/contracts/page.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type AuditFilter, presentAuditEntry, type RecordedAuditEntry } from './domain.ts';

export type AuditRouteOptions = {
  list: (
    filter: AuditFilter,
    page: { limit: number; cursor: string | undefined },
  ) => Promise<RecordedAuditEntry[]>;
};

export function auditRoutes(app: FastifyInstance, { list }: AuditRouteOptions): void {
  serveOperation(app, listAudit, async (request) => {
    const { limit, cursor, account_id: accountId, actor, action, subject, from, to } = request.query;
    const filter = { accountId, actor, action, subject, from: instantOf(from), to: instantOf(to) };
    const found = toPage(await list(filter, { limit: limit + 1, cursor }), limit, presentAuditEntry);
    return succeed({ entries: found.data, next_cursor: found.next_cursor });
  });
}

function instantOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
