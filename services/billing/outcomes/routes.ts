import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import * as contract from '#libs/contracts/outcomes.ts';
import { type DatedPageQuery, toPage } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { accountExists } from '../subscriptions/plugin.ts';
import {
  addMeasurement,
  cancelAgreement,
  createAgreement,
  markAgreementPaid,
  type OutcomeDeps,
  settleAgreement,
} from './agreements.ts';
import { type Agreement, type AgreementDetails, presentAgreement, presentOutcome } from './domain.ts';
import { detailsOf, findAgreement, listAgreements } from './store.ts';

export function outcomeRoutes(app: FastifyInstance, deps: OutcomeDeps): void {
  staffRoutes(app, deps);
  const { database } = deps;

  serveOperation(app, contract.listOutcomes, async (request) =>
    readPage(deps, callerOf(request).accountId, request.query, presentOutcome),
  );

  serveOperation(app, contract.getOutcome, async (request) => {
    const agreement = await findAgreement(database, request.params.id, callerOf(request).accountId);
    if (agreement === undefined) throw problem('not_found');
    return presentOutcome(await readDetails(deps, agreement));
  });
}

function staffRoutes(app: FastifyInstance, deps: OutcomeDeps): void {
  const present = async (agreement: Agreement) => presentAgreement(await readDetails(deps, agreement));

  serveOperation(app, contract.createOutcomeAgreement, async (request, reply) => {
    const { account_id: accountId } = request.params;
    const agreement = await createAgreement(deps, accountId, request.body, actorOf(request));
    reply.code(201);
    return present(agreement);
  });

  serveOperation(app, contract.listOutcomeAgreements, async (request) => {
    const { account_id: accountId } = request.params;
    if (!(await accountExists(deps.database, accountId))) throw problem('not_found');
    return readPage(deps, accountId, request.query, presentAgreement);
  });

  serveOperation(app, contract.addOutcomeMeasurement, async (request, reply) => {
    const agreement = await addMeasurement(deps, request.params.id, request.body, actorOf(request));
    reply.code(201);
    return present(agreement);
  });

  serveOperation(app, contract.settleOutcome, async (request) =>
    present(await settleAgreement(deps, request.params.id, actorOf(request))),
  );

  serveOperation(app, contract.cancelOutcome, async (request) =>
    present(await cancelAgreement(deps, request.params.id, request.body.reason, actorOf(request))),
  );

  serveOperation(app, contract.markOutcomePaid, async (request) =>
    present(await markAgreementPaid(deps, request.params.id, request.body.note, actorOf(request))),
  );
}

async function readDetails({ database }: OutcomeDeps, agreement: Agreement): Promise<AgreementDetails> {
  const [details] = await detailsOf(database, [agreement]);
  return details ?? { agreement, milestones: [], latest: undefined };
}

async function readPage<View>(
  { database }: OutcomeDeps,
  accountId: string,
  query: DatedPageQuery,
  present: (details: AgreementDetails) => View,
): Promise<{ data: View[]; next_cursor: string | null }> {
  const found = await listAgreements(database, accountId, query);
  const details = await detailsOf(database, found);
  return toPage(
    details.map((one) => ({ ...one, id: one.agreement.id })),
    query.limit,
    present,
  );
}
