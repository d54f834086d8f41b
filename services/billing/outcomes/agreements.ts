/** What staff do with agreements: each action with its audit entry and its events in one transaction. */
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor, AuditAction, AuditState } from '#libs/contracts/audit-entry.ts';
import type { OutcomeMeasurementBody, OutcomeTerms } from '#libs/contracts/outcomes.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { emit } from '#libs/outbox/emit.ts';
import { problem } from '#libs/problems/problems.ts';
import type { HostedDeps } from '../payments/plugin.ts';
import { accountExists } from '../subscriptions/plugin.ts';
import {
  type Agreement,
  measurementRefusal,
  milestonesReached,
  progressPercent,
  settled,
  termsRefusal,
} from './domain.ts';
import { enqueueCollection } from './jobs.ts';
import {
  findLatestMeasurement,
  insertAgreement,
  insertMeasurement,
  insertMilestones,
  lockAgreement,
  saveAgreement,
} from './store.ts';

export type OutcomeDeps = Pick<HostedDeps, 'database' | 'runtime' | 'payments'>;

export async function createAgreement(
  deps: OutcomeDeps,
  accountId: string,
  { reason, ...terms }: OutcomeTerms,
  by: Actor,
): Promise<Agreement> {
  const { database, runtime } = deps;
  if (!(await accountExists(database, accountId))) throw problem('not_found');
  const refusal = termsRefusal({ reason, ...terms });
  if (refusal !== undefined) throw problem('semantic_error', { detail: refusal });
  const now = runtime.clock.now();
  const agreement: Agreement = {
    id: runtime.newId(),
    accountId,
    goal: terms.goal,
    baseline: terms.baseline,
    target: terms.target,
    feeMinor: terms.fee_minor,
    startsAt: new Date(terms.starts_at),
    endsAt: new Date(terms.ends_at),
    status: 'open',
    achievedPercent: 0,
    amountMinor: null,
    invoiceId: null,
    createdBy: by.actor,
    createdAt: now,
    updatedAt: now,
  };
  await transaction(database, async (tx) => {
    await insertAgreement(tx, agreement);
    await audit(tx, deps, agreement, { action: 'outcome.created', by, before: null, after: terms, reason });
  });
  return agreement;
}

/** A measurement that is added late does not replace a later one, but reaches milestones all the same. */
export function addMeasurement(
  deps: OutcomeDeps,
  id: string,
  { value, measured_at, source }: OutcomeMeasurementBody,
  by: Actor,
): Promise<Agreement> {
  return changeAgreement(deps, id, async (tx, agreement, now) => {
    if (agreement.status !== 'open') throw wrongStatus(agreement);
    const measuredAt = new Date(measured_at);
    const refusal = measurementRefusal(agreement, measuredAt, now);
    if (refusal !== undefined) throw problem('semantic_error', { detail: refusal });
    const row = { id: deps.runtime.newId(), agreementId: id, value, measuredAt, source };
    await insertMeasurement(tx, { ...row, createdBy: by.actor, createdAt: now });
    const after = { value, measured_at, source };
    await audit(tx, deps, agreement, { action: 'outcome.measured', by, before: null, after, reason: null });
    await reachMilestones(tx, deps, agreement, { value, measuredAt, now });
    const latest = await findLatestMeasurement(tx, id);
    const achievedPercent = progressPercent(latest?.value ?? value, agreement);
    return { ...agreement, achievedPercent, updatedAt: now };
  });
}

/** Decides once what is payable. A repetition asks for the invoice again if there is none yet. */
export function settleAgreement(deps: OutcomeDeps, id: string, by: Actor): Promise<Agreement> {
  return changeAgreement(deps, id, async (tx, agreement, now) => {
    const isHosted = deps.payments.hosted !== null;
    if (agreement.status === 'cancelled') throw wrongStatus(agreement);
    if (agreement.status !== 'open') {
      if (isHosted && agreement.status === 'due' && agreement.invoiceId === null)
        await enqueueCollection(tx, agreement);
      return agreement;
    }
    if (now < agreement.endsAt) {
      const detail = `The period of the agreement ends at ${agreement.endsAt.toISOString()}.`;
      throw problem('conflict', { detail });
    }
    const after = settled(agreement, await findLatestMeasurement(tx, id), now);
    const { status, achievedPercent: achieved_percent, amountMinor: amount_minor } = after;
    const outcome = { status, achieved_percent, amount_minor };
    const before = { status: agreement.status };
    await audit(tx, deps, agreement, { action: 'outcome.settled', by, before, after: outcome, reason: null });
    await emitOutcome(tx, deps, agreement, 'outcome.settled', { ...outcome, currency: 'USD' }, now);
    if (isHosted && status === 'due') await enqueueCollection(tx, after);
    return after;
  });
}

export function cancelAgreement(
  deps: OutcomeDeps,
  id: string,
  reason: string,
  by: Actor,
): Promise<Agreement> {
  return changeAgreement(deps, id, async (tx, agreement, now) => {
    if (agreement.status === 'cancelled') return agreement;
    if (agreement.status !== 'open') throw wrongStatus(agreement);
    return saveStatus(tx, deps, agreement, {
      status: 'cancelled',
      action: 'outcome.cancelled',
      by,
      reason,
      now,
    });
  });
}

/** @throws ProblemError `conflict` where a payment provider collects. */
export function markAgreementPaid(
  deps: OutcomeDeps,
  id: string,
  note: string,
  by: Actor,
): Promise<Agreement> {
  return changeAgreement(deps, id, async (tx, agreement, now) => {
    if (deps.payments.hosted !== null) {
      throw problem('conflict', { detail: 'The payment provider reports when its invoice is paid.' });
    }
    if (agreement.status === 'paid') return agreement;
    if (agreement.status !== 'due') throw wrongStatus(agreement);
    const change = { status: 'paid', action: 'outcome.marked_paid', by, reason: note, now } as const;
    return saveStatus(tx, deps, agreement, change);
  });
}

/** Locks an agreement, so that concurrent changes follow each other, and saves what it has become. */
function changeAgreement(
  { database, runtime }: OutcomeDeps,
  id: string,
  change: (tx: Tx, agreement: Agreement, now: Date) => Promise<Agreement>,
): Promise<Agreement> {
  return transaction(database, async (tx) => {
    const agreement = await lockAgreement(tx, id);
    if (agreement === undefined) throw problem('not_found');
    const after = await change(tx, agreement, runtime.clock.now());
    if (after !== agreement) await saveAgreement(tx, after);
    return after;
  });
}

function wrongStatus({ status }: Agreement): Error {
  return problem('conflict', { detail: `The agreement is ${status}.` });
}

async function saveStatus(
  tx: Tx,
  deps: OutcomeDeps,
  agreement: Agreement,
  of: { status: Agreement['status']; action: AuditAction; by: Actor; reason: string; now: Date },
): Promise<Agreement> {
  const { status, action, by, reason, now } = of;
  const before = { status: agreement.status };
  await audit(tx, deps, agreement, { action, by, before, after: { status }, reason });
  return { ...agreement, status, updatedAt: now };
}

async function reachMilestones(
  tx: Tx,
  deps: OutcomeDeps,
  agreement: Agreement,
  { value, measuredAt, now }: { value: string; measuredAt: Date; now: Date },
): Promise<void> {
  const achieved = progressPercent(value, agreement);
  const reached = milestonesReached(achieved).map((percent) => ({
    agreementId: agreement.id,
    percent,
    reachedAt: measuredAt,
  }));
  for (const { percent, reachedAt } of await insertMilestones(tx, reached)) {
    const data = { milestone: percent, reached_at: reachedAt.toISOString(), achieved_percent: achieved };
    await emitOutcome(tx, deps, agreement, 'outcome.milestone_reached', data, now);
  }
}

async function emitOutcome(
  tx: Tx,
  { runtime: { newId } }: OutcomeDeps,
  { id: agreement_id, accountId, goal }: Agreement,
  type: 'outcome.milestone_reached' | 'outcome.settled',
  data: Readonly<Record<string, unknown>>,
  createdAt: Date,
): Promise<void> {
  const payload = { agreement_id, goal, ...data };
  await emit(tx, { id: newId(), type, accountId, payload, createdAt }, newId);
}

async function audit(
  tx: Tx,
  { runtime }: OutcomeDeps,
  { id, accountId }: Agreement,
  entry: { action: AuditAction; by: Actor; before: AuditState; after: AuditState; reason: string | null },
): Promise<void> {
  await recordAudit(tx, {
    ...entry,
    id: runtime.newId(),
    at: runtime.clock.now(),
    accountId,
    subject: `outcome_agreement:${id}`,
  });
}
