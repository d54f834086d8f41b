/**
 * Deliveries to servers that customers choose. A receiver gets one request at a time, over all processes, so that a slow
 * one takes one place among the jobs of a process, however many deliveries it has.
 */
import { z } from 'zod';
import { transaction } from '#libs/db/database.ts';
import { summarizeFailure } from '#libs/jobs/failure.ts';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import { createBatches } from './batch.ts';
import { type Attempt, PermanentDeliveryError, RECEIVER_TASK } from './deliveries.ts';
import { enqueueReceiver, type Receiver } from './enqueue-delivery.ts';
import {
  beginNextAttempts,
  type Claim,
  claimReceiver,
  extendClaim,
  hasDueDelivery,
  listOverdueReceivers,
  type ReceiverAddress,
  receiverKey,
  releaseIdleReceiver,
  releaseReceiver,
} from './receiver-store.ts';
import { pauseAfter, requestedPause } from './retries.ts';
import { markDelivered, markFailed } from './store.ts';
import { deliver, type OutboxOptions } from './tasks.ts';

/** A receiver with more deliveries takes its turn again behind the others. */
const TURN_MS = 5_000;
/** Longer than a request with its queries, so that only a dead process loses its claim. */
const CLAIM_MS = 13_000;
/** Longer than any backlog of jobs should take. */
const OVERDUE_MS = 30 * 60 * 1000;

type ReceiverOptions = OutboxOptions & { statements: ReturnType<typeof createStatements> };

export function receiverTasks(options: OutboxOptions): Task[] {
  const { database, clock } = options;
  const receiverOptions = { ...options, statements: createStatements(options) };
  return [
    defineTask({
      name: RECEIVER_TASK,
      schema: z.object({ channel: z.string(), target: z.string(), accountId: z.uuid().nullable() }),
      run: (receiver, context) => deliverDue(receiver, receiverOptions, context),
    }),
    // Repairs what no job is left for, such as deliveries of an earlier version.
    defineTask({
      name: 'repair-deliveries',
      schedule: { cron: '*/10 * * * *' },
      run: async (_, { logger }) => {
        const receivers = await listOverdueReceivers(database, new Date(clock.now().getTime() - OVERDUE_MS));
        for (const receiver of receivers) await enqueueReceiver(database, receiver);
        if (receivers.length > 0) logger.warn({ receivers: receivers.length }, 'overdue deliveries enqueued');
      },
    }),
  ];
}

/** The statements that deliveries to many receivers share. */
function createStatements({ database, clock }: OutboxOptions) {
  return {
    begin: createBatches(
      (receivers: ReceiverAddress[]) => beginNextAttempts(database, receivers, clock.now()),
      receiverKey,
    ),
    markDelivered: createBatches(
      async (ids: string[]) => {
        await markDelivered(database, ids, clock.now());
        return ids;
      },
      (id) => id,
    ),
  };
}

async function deliverDue(receiver: Receiver, options: ReceiverOptions, context: JobContext): Promise<void> {
  const { database, clock, statements } = options;
  const after = (ms: number) => new Date(clock.now().getTime() + ms);
  const { channel, target } = receiver;
  const claimed = { channel, target, claimedUntil: after(CLAIM_MS) };
  const busyUntil = await claimReceiver(database, claimed, clock.now());
  if (busyUntil !== null) return enqueueReceiver(database, receiver, busyUntil);
  // Null once another process has it, because a delivery took longer than the claim.
  let claim: Claim | null = claimed;
  const endsAt = performance.now() + TURN_MS;
  let pauseMs: number | null = null;
  try {
    let attempt = await statements.begin.submit(receiver);
    while (attempt !== null) {
      pauseMs = await deliverOrPlan(attempt, options, context);
      if (pauseMs !== null || performance.now() >= endsAt) break;
      if (await releaseIdleReceiver(database, claim, clock.now())) {
        claim = null;
        return;
      }
      claim = await extendClaim(database, claim, after(CLAIM_MS));
      if (claim === null) break;
      attempt = await statements.begin.submit(receiver);
    }
  } finally {
    if (claim !== null) {
      if (pauseMs === null) await releaseReceiver(database, claim);
      else await extendClaim(database, claim, after(pauseMs));
    }
  }
  if (await hasDueDelivery(database, receiver, clock.now()))
    await enqueueReceiver(database, receiver, pauseMs === null ? undefined : after(pauseMs));
}

/** Plans the next attempt when this one fails. @returns the pause that the receiver asked for. */
async function deliverOrPlan(
  attempt: Attempt,
  { database, channels, clock, statements }: ReceiverOptions,
  context: JobContext,
): Promise<number | null> {
  const { event, delivery } = attempt;
  try {
    await deliver(attempt, channels, context);
    await statements.markDelivered.submit(delivery.id);
    return null;
  } catch (error) {
    if (context.signal.aborted) throw error;
    const lastError = summarizeFailure(error, event.payload);
    const requestedMs = requestedPause(error);
    const pauseMs =
      error instanceof PermanentDeliveryError
        ? null
        : pauseAfter(delivery.channel, delivery.attempts, requestedMs);
    if (pauseMs === null) {
      await markFailed(database, delivery.id, { status: 'dead', lastError, nextAttemptAt: null });
    } else {
      const nextAttemptAt = new Date(clock.now().getTime() + pauseMs);
      await transaction(database, async (tx) => {
        await markFailed(tx, delivery.id, { status: 'pending', lastError, nextAttemptAt });
        await enqueueReceiver(tx, { ...delivery, accountId: event.accountId }, nextAttemptAt);
      });
    }
    return requestedMs;
  }
}
