/** Invoices what a settlement made payable. */
import { z } from 'zod';
import { type Tx, transaction } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { ensureCustomer, type HostedDeps } from '../payments/plugin.ts';
import { lockAccount } from '../subscriptions/plugin.ts';
import type { Agreement } from './domain.ts';
import { findAgreement, saveInvoiceId } from './store.ts';

const TASK = 'invoice-outcome';

/** Adds the job in the transaction that settles: a crash delays the invoice, and never loses it. */
export async function enqueueCollection(tx: Tx, { id, accountId }: Agreement): Promise<void> {
  await enqueue(tx, TASK, { agreementId: id, accountId }, { jobKey: `${TASK} ${id}` });
}

/** The key of the invoice is the agreement's id, so a run that is repeated charges once. */
export function outcomeTasks(deps: HostedDeps): Task[] {
  const { database, runtime, payments } = deps;
  const { hosted } = payments;
  if (hosted === null) return [];
  return [
    defineTask({
      name: TASK,
      schema: z.object({ agreementId: z.uuid(), accountId: z.uuid() }),
      run: async ({ agreementId, accountId }) => {
        const agreement = await findAgreement(database, agreementId);
        if (agreement?.status !== 'due' || agreement.invoiceId !== null) return;
        const { goal, achievedPercent, amountMinor } = agreement;
        if (amountMinor === null) return;
        const invoiceId = await hosted.invoiceOnce({
          accountId,
          customerId: await ensureCustomer(deps, accountId),
          amountMinor,
          description: `Outcome: ${goal.replaceAll('_', ' ')}, ${achievedPercent} % of the target`,
          idempotencyKey: `outcome-${agreementId}`,
        });
        await transaction(database, async (tx) => {
          await lockAccount(tx, accountId);
          await saveInvoiceId(tx, agreementId, invoiceId, runtime.clock.now());
        });
      },
    }),
  ];
}
